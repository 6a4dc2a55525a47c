// A photograph as it is sent: at most 1600 px, drawn anew, so that nothing but the picture is in it.
const LONGEST = 1600;
const QUALITY = 0.85;
const PREVIEW = 160;

function canvas(image, longest) {
  const scale = Math.min(1, longest / Math.max(image.width, image.height));
  const made = document.createElement("canvas");
  made.width = Math.max(1, Math.round(image.width * scale));
  made.height = Math.max(1, Math.round(image.height * scale));
  made.getContext("2d").drawImage(image, 0, 0, made.width, made.height);
  return made;
}

/** {data, preview}: the bytes of a JPEG, and a small one as a data: address. Throws where the file is no picture. */
export async function scaled(file) {
  const image = await createImageBitmap(file, { imageOrientation: "from-image" });
  try {
    const drawn = canvas(image, LONGEST);
    const blob = await new Promise((resolve) => { drawn.toBlob(resolve, "image/jpeg", QUALITY); });
    if (!blob) throw new Error("no picture");
    return { data: await blob.arrayBuffer(), preview: canvas(image, PREVIEW).toDataURL("image/jpeg", 0.7) };
  } finally {
    image.close();
  }
}
