// What may be pressed next, also while what was pressed before still waits to be sent. Pure.

/** Where a track stands once everything that waits has arrived: the place and its ways, or null where it has ended. */
export function projected(track, waiting) {
  let at = track.at;
  const pressed = new Set();
  for (const item of waiting) {
    if (item.unit !== track.unit || another(item.part, track.part_id) || another(item.order, track.order_id)) continue;
    const way = (track.ways[at] ?? []).find((one) => one.kind === item.kind);
    if (!way) continue;
    pressed.add(item.kind);
    if (!way.to) return null;
    at = way.to;
  }
  return { at, ways: (track.ways[at] ?? []).filter((way) => !(way.once && (track.there || pressed.has(way.kind)))) };
}

/** A step of the part, or the order, that was shown before this one. */
const another = (pressed, shown) => Boolean(pressed && shown && pressed !== shown);

/** A task is over for this phone when every track of it is. */
export function over(job, waiting) {
  return job.tracks.length > 0 && job.tracks.every((track) => projected(track, waiting) === null);
}
