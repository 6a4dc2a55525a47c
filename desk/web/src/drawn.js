/** Put what the server drew into its place: rendered by our own templates, which escape every value. */
export function drawn(place, html) {
  place.innerHTML = html;
}
