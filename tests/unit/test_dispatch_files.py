"""Reading units, roster, plans, grids and cameras: every fault is told with its file and line."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from core.city_dispatchfiles import read_cameras
from core.city_grids import read_grids
from core.cityfaults import Faults
from core.cityfile import load_city
from core.errors import CityFileError
from tests.dispatch_kit import square
from ticketing.dispatch.demogrids import collection

JINJIANG = Path(__file__).parents[2] / "cities" / "jinjiang"


def feature(key: str, *rings: Any, **more: Any) -> str:
    shape = {"type": "Polygon", "coordinates": rings}
    return json.dumps({"type": "Feature", "properties": {"key": key, "name": key, **more}, "geometry": shape})


def grids(folder: Path, *features: str, head: str = '"bbox": [118, 24, 119, 25],') -> list[str]:
    """What is wrong in a file of these features, the first of which stands on line 2."""
    path, faults = folder / "grids.geojson", Faults()
    body = ",\n".join(features)
    path.write_text(f'{{"type": "FeatureCollection", {head} "features": [\n{body}\n]}}', "utf-8")
    read_grids(path, faults)
    return [f"{fault.line}: {fault.text}" for fault in faults.found]


def test_sound_grids_are_read_touching_ones_are_no_overlap(tmp_path: Path) -> None:
    one, other = feature("a", square(118.5, 24.5), town="池店镇"), feature("b", square(118.51, 24.5), invented=True)
    assert grids(tmp_path, one, other) == []
    read = read_grids(tmp_path / "grids.geojson", Faults())
    assert [(g.key, g.town, g.invented) for g in read.models] == [("a", "池店镇", False), ("b", "", True)]
    assert read.box == (118, 24, 119, 25)
    assert read_grids(tmp_path / "nothing.geojson", Faults()).models == ()


def test_overlaps_and_land_that_belongs_to_no_grid(tmp_path: Path) -> None:
    [said] = grids(tmp_path, feature("a", square(118.5, 24.5)), feature("b", square(118.505, 24.5)))
    assert said.startswith('3: grid "b" overlaps grid "a" by ') and said.endswith(" m², expected no overlap")
    # Half of a square of 0.01°: 0.005° × 0.01° at 24.5 N.
    assert float(said.split(" by ")[1].split(" ")[0]) == pytest.approx(0.005 * 0.01 * 111_195**2 * 0.9099, rel=0.01)
    around = (square(118.50, 24.50, 0.03), square(118.51, 24.51))
    [said] = grids(tmp_path, feature("a", *around))
    assert "lie between grids and belong to none" in said and "[118.51500, 24.51500]" in said
    assert grids(tmp_path, feature("a", *around), head='"gaps": "allowed", "bbox": [118, 24, 119, 25],') == []
    assert grids(tmp_path, feature("a", *around), feature("b", square(118.51, 24.51))) == []


def test_rings_that_are_open_or_cross_themselves(tmp_path: Path) -> None:
    bow = ((118.5, 24.5), (118.51, 24.51), (118.51, 24.5), (118.5, 24.51), (118.5, 24.5))
    said = grids(tmp_path, feature("a", bow), feature("b", square(118.6, 24.5)[:-1]))
    assert said[0].startswith('2: grid "a": the outline is not valid (Self-intersection[118.505 24.505])')
    assert said[1].startswith('3: grid "b": a ring is not closed')


def test_coordinates_swapped_or_outside_the_city(tmp_path: Path) -> None:
    swapped = tuple((lat, lon) for lon, lat in square(118.5, 24.5))
    said = grids(tmp_path, feature("a", swapped), feature("b", square(120.5, 24.5)))
    assert said[0] == '2: grid "a": [24.5, 118.5] has latitude and longitude swapped, expected [lon, lat]'
    assert said[1].startswith('3: grid "b": [120.5, 24.5] lies outside the city\'s bbox [118.0, 24.0, 119.0, 25.0]')


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "2: is not JSON"),
        ("[]", "1: is no FeatureCollection"),
        ('{"type": "FeatureCollection", "features": []}', "1: bbox is missing"),
        ('{"type": "FeatureCollection", "bbox": [119, 24, 118, 25], "features": []}', "1: bbox is missing or wrong"),
        ('{"type": "FeatureCollection", "bbox": [1, 2, 3, 4], "features": [\n7]}', "2: is no Feature"),
    ],
)
def test_what_is_no_geojson_of_grids(tmp_path: Path, text: str, said: str) -> None:
    path, faults = tmp_path / "grids.geojson", Faults()
    path.write_text(text + "\n", encoding="utf-8")
    assert read_grids(path, faults).models == ()
    [fault] = faults.found
    assert f"{fault.line}: {fault.text}".startswith(said)


def test_features_without_key_with_odd_shapes_or_twice(tmp_path: Path) -> None:
    spot = '{"type": "Point", "coordinates": [1, 2]}'
    point = f'{{"type": "Feature", "properties": {{"key": "p", "name": "p"}}, "geometry": {spot}}}'
    nameless = feature("a", square(118.5, 24.5)).replace('"name": "a"', '"title": "a"')
    flat = feature("c").replace("[]", "[[1, 2]]")
    twice = feature("d", square(118.6, 24.5)), feature("d", square(118.7, 24.5))
    said = grids(tmp_path, point, nameless, flat, *twice)
    assert said[0].startswith('2: geometry is "Point"') and said[1].startswith("3: name: Field required")
    assert said[2].startswith("4: coordinates are no list") and said[3].startswith('6: grid "d" stands on line 5 too')


def test_bad_cameras_are_told_by_line_and_the_others_are_read(tmp_path: Path) -> None:
    rows = [
        "id,name,lon,lat,link", "c1,路口,118.5,24.5,https://x.example/1", "c2,路口,118.5,north,https://x.example/2",
        "c3,路口,118.5,24.5,javascript:alert(1)", 'c4,"路口, 南侧",118.5,24.5,rtsp://x.example/4', "c5,路口,118.5",
        "c1,路口,118.5,24.5,https://x.example/5", "c6,路口,218.5,24.5,http://x.example/6", "",
    ]  # fmt: skip
    path, faults = tmp_path / "cameras.csv", Faults()
    path.write_text("\n".join(rows), encoding="utf-8")
    read = read_cameras(path, faults)
    assert [(c.id, c.name, line) for c, line in read.cameras] == [("c1", "路口", 2), ("c4", "路口, 南侧", 5)]
    said = [f"{f.line}: {f.text}" for f in faults.found]
    assert [s.split(",")[0] for s in said] == [
        '3: lat is "north"', '4: link is "javascript:alert(1)"', "6: 3 fields", '7: id "c1" stands on line 2 too',
        '8: lon is "218.5"', '8: link is "http://x.example/6"',
    ]  # fmt: skip
    assert "expected an address beginning with https:// or rtsp://" in said[1]
    path.write_text("name,id\n", encoding="utf-8")
    faults = Faults()
    read_cameras(path, faults)
    assert faults.found[0].text == "the first line is another, expected id,name,lon,lat,link"


def broken(tmp_path: Path, file: str, old: str, new: str) -> str:
    """What is told when one thing of Jinjiang's is changed."""
    folder = tmp_path / "city"
    shutil.copytree(JINJIANG, folder)
    text = (folder / file).read_text(encoding="utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(CityFileError) as error:
        load_city(folder)
    return error.value.message


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("units.yaml", "kind: fire_engine", "kind: fire_engin", 'did you mean "fire_engine"?'),
        ("units.yaml", "key: police-02", "key: police-01", 'unit "police-01" stands on line'),
        ("units.yaml", "department: police", "department: polis", 'department "polis" does not exist'),
        ("units.yaml", "codes: [E3, E401", "codes: [E9, E401", 'codes "E9" does not exist'),
        ("units.yaml", "lon: 118.5551, lat: 24.7838", "lon: 118.5551", "has one of lon and lat"),
        ("units.yaml", "crew: 3", "crw: 3", 'did you mean "crew"?'),
        ("roster.yaml", "[police-01, police-05]", "[police-01, police-99]", 'units "police-99" does not exist'),
        ("roster.yaml", "[day, night, '', '']", "['', '']", "never works, expected a shift"),
        ("roster.yaml", "[day, night, '', '']", "[dawn]", 'pattern "dawn" does not exist'),
        ("roster.yaml", "other: police-b", "other: police-a", "is swapped with itself"),
        ("roster.yaml", "'20:00', ends", "'25:00', ends", "starts is"),
        ("plans.yaml", "codes: [E101]", "codes: [E199]", 'codes "E199" does not exist'),
        ("plans.yaml", "kind: fire_engine, count: 2", "kind: boat, count: 2", 'kind "boat" does not exist'),
        ("plans.yaml", "key: burning", "key: people", 'item "people" stands on line'),
        ("plans.yaml", "grades: [1, 2, 3]", "grades: [5]", "grades is"),
        ("cameras.csv", "118.5520,24.7823", "24.7823,118.5520", "lat is"),
        ("cameras.csv", "118.5520,24.7823", "118.9520,24.7823", "lies outside the city's bbox"),
        ("grids.geojson", '"town": "青阳街道"', '"town": "青羊街道"', 'did you mean "青阳街道"?'),
    ],
)  # fmt: skip
def test_a_wrong_record_is_told_with_its_file(tmp_path: Path, file: str, old: str, new: str, said: str) -> None:
    message = broken(tmp_path, file, old, new)
    assert said in message and f"/{file}:" in message


def test_jinjiangs_own_files_say_that_they_are_invented_and_its_grids_are_what_the_generator_draws() -> None:
    city = load_city(JINJIANG)
    data = city.dispatch
    assert data.units.invented and data.roster.invented and all(grid.invented for grid in data.grids)
    assert len(data.grids) == 18
    assert json.loads((JINJIANG / "grids.geojson").read_text(encoding="utf-8")) == collection(city)
    assert {kind.key for kind in data.units.kinds} == {unit.kind for unit in data.units.units}
    emergencies = [c.code for g in city.taxonomy if g.emergency for c in g.categories]
    assert [code for code in emergencies if not any(kind.serves(code) for kind in data.units.kinds)] == []
