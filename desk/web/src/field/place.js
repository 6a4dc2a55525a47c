// Where the phone is. A person may refuse to tell it: everything works without.

/** {position} or {refused}: `denied`, `unavailable` or `timeout`. */
export function here(milliseconds) {
  return new Promise((resolve) => {
    if (!navigator.geolocation) return resolve({ refused: "unavailable" });
    // Not every browser keeps to its own timeout while the person is being asked.
    setTimeout(resolve, milliseconds + 500, { refused: "timeout" });
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => resolve({
        position: { lon: coords.longitude, lat: coords.latitude, accuracy_m: Math.round(coords.accuracy) },
      }),
      ({ code }) => resolve({ refused: { 1: "denied", 3: "timeout" }[code] ?? "unavailable" }),
      { enableHighAccuracy: true, timeout: milliseconds, maximumAge: 15_000 },
    );
  });
}
