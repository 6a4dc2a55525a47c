"""Utterances for benchmarks: not sentences, but words of a hotline in the frequencies that words have."""

import random
from collections.abc import Iterator

from asr.record.grams import searchable
from core.city import City

#: The first are said most often.
_TEXT = """
嗯 对 好的 这边 那个 我们 你们 就是 一直 现在 已经 您好 请讲 请问 晚上 半夜 没有 可以 还是 不要 什么 怎么 有人
声音 很大 噪音 垃圾 施工 工地 车子 小区 物业 路灯 停电 停水 漏水 井盖 老人 小孩 电话 号码 身份证 社保 医保 工资
老板 公司 工厂 排放 污水 臭味 味道 附近 旁边 对面 门口 楼上 楼下 隔壁 邻居 投诉 举报 咨询 谢谢 麻烦 尽快 处理
反映 多次 没人管 解决 答复 登记 联系 地址 哪里 着火 冒烟 火很大 消防车 救护车 救命 受伤 流血 晕倒 打架 派出所
警察 小偷 手机 钱包 转账 诈骗 银行 学校 报名 学区 疫苗 医院 挂号 公交 站点 司机 出租车 流浪狗 咬人 广场舞 音响
喇叭 占道 摆摊 违建 拆迁 补偿 土地 村委会 电线杆 倒了 台风 积水 淹了 塌方 煤气 泄漏 爆炸 仓库 化工厂 油罐车 翻车
追尾 高速 桥下 河里 落水 水库 山上 山火 被困 电梯
"""
WORDS = tuple(_TEXT.split())
#: Characters of names and of words that no list has.
_RARE = [c for c in map(chr, range(0x4E00, 0x4E00 + 3000)) if searchable(c) == c]


def utterances(city: City, count: int, seed: int) -> Iterator[str]:
    """``count`` texts of some 14 characters without marks, with the city's places, telephone numbers and rare names."""
    chance = random.Random(seed)  # noqa: S311
    towns = city.towns
    weights = [1 / (rank + 3) for rank in range(len(WORDS))]
    for _ in range(count):
        words = chance.choices(WORDS, weights, k=chance.randint(2, 9))
        if chance.random() < 0.3:
            town = chance.choice(towns)
            place = chance.choice(town.communities).name if town.communities else town.name
            words.insert(chance.randrange(len(words)), place)
        if chance.random() < 0.05:
            words.append("1" + "".join(chance.choices("0123456789", k=10)))
        if chance.random() < 0.5:
            words.insert(chance.randrange(len(words)), "".join(chance.choices(_RARE, k=2)))
        yield "".join(words)
