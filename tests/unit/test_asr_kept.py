"""What the language model learned is kept: the same is read again, and a change of what it learned from is learned."""

from pathlib import Path

from asr.words.charmodel import CharModel
from asr.words.kept import kept
from asr.words.rescore import learned_from


class Teacher:
    def __init__(self) -> None:
        self.lessons = 0

    def __call__(self) -> CharModel:
        self.lessons += 1
        model = CharModel(3)
        model.learn(["着火了，快来救火", "鞋厂着火3次"], weight=0.5)
        model.learn_words([("护栏", 1.25)])
        return model


def test_what_was_learned_is_read_again_and_says_the_same(tmp_path: Path) -> None:
    teacher, source = Teacher(), tmp_path / "lines.tsv"
    source.write_text("着火了")
    learned, read = (kept(tmp_path / "words", [source], teacher) for _ in range(2))
    assert teacher.lessons == 1
    assert dict(read.tables()) == dict(learned.tables()) == dict(Teacher()().tables())
    assert read.score("鞋厂着火") == learned.score("鞋厂着火")
    read.learn(["又着火了"])
    assert read.score("又着火了") > learned.score("又着火了")
    assert [path.suffix for path in (tmp_path / "words").iterdir()] == [".npz"]


def test_another_sentence_is_learned(tmp_path: Path) -> None:
    teacher, source = Teacher(), tmp_path / "lines.tsv"
    for text in ("着火了", "着火啦", "着火了"):
        source.write_text(text)
        kept(tmp_path / "words", [source], teacher)
    assert teacher.lessons == 2


def test_a_damaged_file_or_no_room_is_learned_anew(tmp_path: Path) -> None:
    teacher, source = Teacher(), tmp_path / "lines.tsv"
    source.write_text("着火了")
    kept(tmp_path / "words", [source], teacher)
    (path,) = (tmp_path / "words").iterdir()
    path.write_bytes(path.read_bytes()[:100])
    assert kept(tmp_path / "words", [source], teacher).follows("着", "火") == 1.0
    assert kept(tmp_path / "words", [source], teacher).follows("着", "火") == 1.0
    assert teacher.lessons == 2
    assert kept(source / "no folder", [source], teacher).follows("着", "火") == 1.0


def test_sentences_and_code_count(tmp_path: Path) -> None:
    (tmp_path / "lines.tsv").write_text("text\n着火了\n")
    names = {path.name for path in learned_from(tmp_path)}
    assert {"lines.tsv", "dict.txt", "charmodel.py", "rescore.py", "hotline.py", "plain.py"} <= names
