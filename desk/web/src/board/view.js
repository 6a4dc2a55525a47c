// What stands under the board's map: bundled apart and fetched by this page alone. Without WebGL the board works on.
import { api } from "../api.js";
import { $, el, show } from "../dom.js";
import { t } from "../i18n.js";
import { left } from "./left.js";

const say = (text) => {
  $("map-says").textContent = text;
  show($("map-says"), Boolean(text));
};

function state(name) {
  $("map").dataset.state = name;
}

/** Several tickets on one spot are one mark with their number; the gravest gives it its shape. */
export function pins(rows) {
  const at = new Map();
  for (const row of rows) {
    if (!row.spot) continue;
    const key = `${row.spot.lon.toFixed(5)} ${row.spot.lat.toFixed(5)} ${row.spot.middle}`;
    if (at.has(key)) at.get(key).rows.push(row);
    else at.set(key, { key, lon: row.spot.lon, lat: row.spot.lat, middle: row.spot.middle, rows: [row] });
  }
  return [...at.values()];
}

const make = {
  town: ({ name }) => el("span", { className: "town" }, name),
  ticket: () => el("button", { type: "button", className: "pin", tabIndex: -1, dataset: { test: "pin" } }, el("i", { ariaHidden: "true" }), el("b", {})),
  unit: () => el("button", { type: "button", className: "unit-mark", tabIndex: -1, dataset: { test: "unit-mark" } }, el("i", { className: "shape", ariaHidden: "true" }), el("span", {})),
};

export class View {
  #map = null;
  #chosen = "";
  #pick;
  #rows = [];
  #units = [];

  /** `pick(id)` hears which ticket was clicked. */
  constructor(pick) {
    this.#pick = pick;
  }

  async open() {
    const box = $("map-box").dataset;
    const gl = document.createElement("canvas").getContext("webgl2");
    if (!gl) {
      state("none");
      return say(t("此浏览器没有 WebGL，地图无法显示；列表和派单不受影响。"));
    }
    gl.getExtension("WEBGL_lose_context")?.loseContext();
    try {
      const ground = await api("/api/board/map");
      if (!ground.box) {
        state("empty");
        return say(t("本市尚未配置网格和位置，没有地图可画。"));
      }
      const { openMap } = await import(new URL(box.map, location.href).href);
      this.#map = await openMap($("map"), ground, {
        worker: box.worker, title: t("地图"), make, failed: () => ground.tiles && say(t("底图取不到，只画网格。")),
        update: { town: () => {}, ticket: (element, item) => this.#pin(element, item), unit: (element, item) => this.#unit(element, item) },
      });
      if (ground.tiles?.credit) {
        $("map-credit").textContent = ground.tiles.credit;
        show($("map-credit"), true);
      }
    } catch {
      state("none");
      return say(t("地图没有画出来；列表和派单不受影响。"));
    }
    say("");
    show($("map-buttons"), true);
    $("map-in").addEventListener("click", () => this.#map.zoom(1));
    $("map-out").addEventListener("click", () => this.#map.zoom(-1));
    $("map-all").addEventListener("click", () => this.#map.all());
    this.#draw();
    state("drawn");
    return undefined;
  }

  /** Show these rows and units, and which ticket is chosen. */
  show(rows, units, chosen) {
    this.#rows = rows;
    this.#units = units;
    this.#chosen = chosen;
    this.#draw();
  }

  /** Bring a ticket or a unit into sight; `close`: with what lies around it. */
  see(at, close = false) {
    if (at) this.#map?.see(at, close);
  }

  #draw() {
    if (!this.#map) return;
    this.#map.tickets(pins(this.#rows));
    // Off duty they stand in the list alone.
    this.#map.units(this.#units.filter((unit) => unit.at && unit.on_duty).map((unit) => ({ ...unit, lon: unit.at.lon, lat: unit.at.lat })));
  }

  #pin(element, { rows, middle }) {
    const [first] = rows;
    const chosen = rows.find((row) => row.id === this.#chosen);
    element.dataset.lane = first.lane;
    element.dataset.ticket = first.id;
    element.classList.toggle("middle", middle);
    element.classList.toggle("chosen", Boolean(chosen));
    const count = rows.length > 1 ? String(rows.length) : "";
    element.lastChild.textContent = count;
    const title = rows.slice(0, 6).map((row) => `${row.number} ${row.category} ${row.place} ${left(row).text}`).join("\n");
    element.title = middle ? `${t("只知大致位置")}\n${title}` : title;
    element.ariaLabel = `${count} ${element.title}`.trim();
    element.onclick = () => this.#pick(rows[(rows.indexOf(chosen) + 1) % rows.length].id);
  }

  #unit(element, unit) {
    element.dataset.unit = unit.key;
    element.firstChild.dataset.state = unit.state;
    element.lastChild.textContent = unit.name;
    element.classList.toggle("told", unit.at.told);
    element.title = [unit.name, unit.state_name, unit.department_name, unit.number, unit.at.told ? t("位置 {age}", { age: unit.age }) : t("按驻地")].filter(Boolean).join(" · ");
    element.ariaLabel = element.title;
    element.onclick = () => unit.ticket && this.#pick(unit.ticket);
  }
}
