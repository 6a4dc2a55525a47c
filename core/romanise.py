"""Chinese names in English, by pinyin: apart from the city's models, which load without its tables."""

import re
from functools import lru_cache

from pypinyin import lazy_pinyin

from core.city import Department

#: Kinds of division that belong to the English name.
_KINDS = {
    "经济技术开发区": "Economic and Technological Development Zone",
    "经济开发区": "Economic Development Zone",
    "开发区": "Development Zone",
    "综合保税区": "Comprehensive Bonded Zone",
    "工业园区": "Industrial Park",
    "林场": "Forest Farm",
    "农场": "Farm",
}


#: A people's name before 自治县, 自治旗 or 乡: 阜新[蒙古族自治县].
_PEOPLE = (
    "((各|蒙古|回|藏|维吾尔|苗|彝|壮|布依|朝鲜|满|侗|瑶|白|土家|哈尼|哈萨克|傣|黎|傈僳|佤|畲|拉祜|水|东乡|纳西|景颇|柯尔克孜|土|"
    "达斡尔|仫佬|羌|布朗|撒拉|毛南|仡佬|锡伯|阿昌|普米|塔吉克|怒|鄂温克|鄂伦春|裕固|独龙)族)"
)
_KIND_OF_DIVISION = re.compile(f"({_PEOPLE}+(自治县|自治旗|乡)|街道|镇|乡|区|自治县|县|市|自治旗|旗)$")


def short(name: str) -> str:
    """A division's name without its kind: 晋江市 → 晋江; left whole where too little would remain (城区)."""
    stem = _KIND_OF_DIVISION.sub("", name)
    return stem if len(stem) > 1 else name


def english(name: str) -> str:
    """The name in English: 晋江市 → Jinjiang. Heteronyms may come out wrong, a person looks over them."""
    for end, kind in _KINDS.items():
        if name.endswith(end) and name != end:
            return f"{english(name.removesuffix(end))} {kind}"
    return "".join(lazy_pinyin(short(name), errors="ignore")).replace("v", "ü").capitalize() or name


def department_english(department: Department) -> str:
    """A department's English name; of a community or a grid, to which no file gives one, its pinyin and its kind."""
    return _derived(department.name_en) if department.derived else department.name_en


@lru_cache(maxsize=4096)
def _derived(name: str) -> str:
    stem, kind = next((name.removesuffix(end), en) for end, en in _SMALL if name.endswith(end) and name != end)
    # Figures stay: 1号网格 and 2号网格 are two.
    said = "".join(lazy_pinyin(stem)).replace("v", "ü")
    return f"{said[:1].upper()}{said[1:]} {kind}".strip()


#: Ends of communities' and grids' names; the last fits all.
_SMALL = (("社区", "Community"), ("嘎查", "Village"), ("村", "Village"), ("网格", "Grid"), ("", ""))
