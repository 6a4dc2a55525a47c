// The map: the city's grids as plain polygons, its own tiles where it has some, tickets and units as marks of their own
// shapes. A bundle of its own, loaded by the board alone; nothing of it comes from elsewhere but those tiles.
import { Map as GlMap, Marker, setWorkerUrl } from "maplibre-gl";

const STACK_PX = 17;
/** Some streets around a place fill the map. */
const CLOSE = 14;
/** Room for marks, names and the buttons. */
const PADDING = { top: 40, bottom: 40, left: 40, right: 60 };

const variable = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function style({ grids, tiles }) {
  return {
    version: 8,
    sources: {
      grids: { type: "geojson", data: grids },
      ...(tiles ? { tiles: { type: "raster", tiles: [new URL(tiles.address, location.href).href.replaceAll("%7B", "{").replaceAll("%7D", "}")], tileSize: 256 } } : {}),
    },
    layers: [
      { id: "ground", type: "background", paint: { "background-color": variable("--ground") } },
      ...(tiles ? [{ id: "tiles", type: "raster", source: "tiles" }] : []),
      { id: "grids", type: "fill", source: "grids", paint: { "fill-color": variable("--chosen"), "fill-opacity": tiles ? 0.15 : 0.8 } },
      { id: "borders", type: "line", source: "grids", paint: { "line-color": variable("--field-edge"), "line-width": 1 } },
    ],
  };
}

/** Marks of one kind, each kept by its key. */
class Marks {
  #map;
  #anchor;
  #make;
  #update;
  #kept = new Map();

  constructor(map, make, update, anchor) {
    this.#anchor = anchor;
    this.#map = map;
    this.#make = make;
    this.#update = update;
  }

  /** `items`: [{key, lon, lat, offset, …}] */
  show(items) {
    const gone = new Set(this.#kept.keys());
    for (const item of items) {
      gone.delete(item.key);
      let kept = this.#kept.get(item.key);
      if (!kept) {
        kept = new Marker({ element: this.#make(item), anchor: this.#anchor });
        kept.setLngLat([item.lon, item.lat]).addTo(this.#map);
        this.#kept.set(item.key, kept);
      }
      kept.setLngLat([item.lon, item.lat]).setOffset([item.offset ?? 0, 0]);
      this.#update(kept.getElement(), item);
    }
    for (const key of gone) {
      this.#kept.get(key).remove();
      this.#kept.delete(key);
    }
  }
}

/**
 * Draw it in `place`. `make` and `update` give and fill the elements of marks: {town, ticket, unit}, each by an item.
 * Resolves once it is drawn; rejects where this browser cannot.
 */
export function openMap(place, ground, { worker, title, make, update, failed }) {
  setWorkerUrl(new URL(worker, location.href).href);
  const [west, south, east, north] = ground.box;
  const bounds = [[west, south], [east, north]];
  return new Promise((resolve, reject) => {
    const map = new GlMap({
      container: place, style: style(ground), bounds, fitBoundsOptions: { padding: PADDING }, attributionControl: false, dragRotate: false,
      pitchWithRotate: false, maxPitch: 0, renderWorldCopies: false, fadeDuration: 0, locale: { "Map.Title": title },
    });
    map.touchZoomRotate.disableRotation();
    const marks = Object.fromEntries(["town", "ticket", "unit"].map((kind) => [kind, new Marks(map, make[kind], update[kind], kind === "town" ? "bottom" : "center")]));
    const paint = () => {
      map.setPaintProperty("ground", "background-color", variable("--ground"));
      map.setPaintProperty("grids", "fill-color", variable("--chosen"));
      map.setPaintProperty("borders", "line-color", variable("--field-edge"));
    };
    map.on("error", ({ error }) => failed(error));
    map.once("load", () => {
      marks.town.show(ground.towns.map((town) => ({ key: town.name, ...town })));
      new MutationObserver(paint).observe(document.documentElement, { attributes: true });
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => setTimeout(paint));
      resolve({
        tickets: (items) => marks.ticket.show(items),
        units: (items) => marks.unit.show(stacked(items)),
        all: () => map.fitBounds(bounds, { padding: PADDING, animate: false }),
        zoom: (by) => map.zoomTo(map.getZoom() + by, { animate: false }),
        see: ({ lon, lat }, close) => {
          if (close) map.jumpTo({ center: [lon, lat], zoom: Math.max(map.getZoom(), CLOSE) });
          else if (!map.getBounds().contains([lon, lat])) map.jumpTo({ center: [lon, lat] });
        },
      });
    });
    map.once("webglcontextlost", () => reject(new Error("lost")));
  });
}

/** Units that wait at one station stand beside each other, so that each can be met. */
function stacked(items) {
  const at = new Map();
  return items.map((item) => {
    const spot = `${item.lon.toFixed(5)} ${item.lat.toFixed(5)}`;
    const before = at.get(spot) ?? 0;
    at.set(spot, before + 1);
    return { ...item, offset: before * STACK_PX };
  });
}
