"""Tables of the knowledge base."""

from datetime import date, datetime
from typing import Literal

from sqlalchemy import JSON, Boolean, Date, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base
from core.ids import new_id

#: 草稿 已发布 已下架
ArticleState = Literal["draft", "published", "withdrawn"]
UseKind = Literal["answered", "unhelpful"]


class Article(Base):
    """One matter that call takers can answer. What it says stands in its versions."""

    __tablename__ = "knowledge_articles"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    #: Names it in files; never changes.
    key: Mapped[str] = mapped_column(String(60), unique=True)
    state: Mapped[ArticleState] = mapped_column(String(12), default="draft", index=True)
    #: The newest version, and the one that call takers see (0: none yet).
    version: Mapped[int] = mapped_column(default=1)
    published_version: Mapped[int] = mapped_column(default=0)
    #: Shipped as an example that nobody of the city has checked.
    example: Mapped[bool] = mapped_column(Boolean, default=False)
    #: Who last found that what is published holds, and when.
    reviewed_by: Mapped[str] = mapped_column(String(40), default="")
    reviewed_at: Mapped[datetime | None]
    changed_at: Mapped[datetime] = mapped_column(index=True)
    lock: Mapped[int] = mapped_column(default=1)

    # An UPDATE that meets another state than it read fails (two people, one article).
    __mapper_args__ = {"version_id_col": lock}  # noqa: RUF012  read once, by the mapper


class ArticleVersion(Base):
    """What an article said at one time; never changed."""

    __tablename__ = "knowledge_versions"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    article_id: Mapped[str] = mapped_column(ForeignKey("knowledge_articles.id"))
    version: Mapped[int]
    at: Mapped[datetime]
    author: Mapped[str] = mapped_column(String(40))
    #: Why it was changed.
    note: Mapped[str] = mapped_column(Text, default="")

    title: Mapped[str] = mapped_column(Text)
    questions: Mapped[list[str]] = mapped_column(JSON)
    steps: Mapped[list[str]] = mapped_column(JSON)
    codes: Mapped[list[str]] = mapped_column(JSON)
    department: Mapped[str] = mapped_column(String(40), default="")
    area: Mapped[str] = mapped_column(String(60), default="")
    valid_from: Mapped[date | None] = mapped_column(Date)
    valid_until: Mapped[date | None] = mapped_column(Date)
    source: Mapped[str] = mapped_column(Text)
    #: The answer as a voice says it before a person; empty: only people answer with it.
    spoken: Mapped[str] = mapped_column(Text, default="", server_default="")

    __table_args__ = (UniqueConstraint("article_id", "version"),)


class ArticleStep(Base):
    """What was done with an article: drafted, published, withdrawn, reviewed."""

    __tablename__ = "knowledge_steps"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    article_id: Mapped[str] = mapped_column(ForeignKey("knowledge_articles.id"), index=True)
    version: Mapped[int]
    at: Mapped[datetime]
    who: Mapped[str] = mapped_column(String(40))
    #: Of :data:`ticketing.knowledge.states.Step`.
    step: Mapped[str] = mapped_column(String(12))
    note: Mapped[str] = mapped_column(Text, default="")


class ArticleUse(Base):
    """A call taker answered with an article, or says that it did not help."""

    __tablename__ = "knowledge_uses"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    article_id: Mapped[str] = mapped_column(ForeignKey("knowledge_articles.id"))
    version: Mapped[int]
    at: Mapped[datetime] = mapped_column(index=True)
    who: Mapped[str] = mapped_column(String(40))
    kind: Mapped[UseKind] = mapped_column(String(12))
    ticket_id: Mapped[str | None] = mapped_column(ForeignKey("tickets.id"), index=True)
    #: Why it did not help: key of :data:`ticketing.knowledge.states.UNHELPFUL`, and words of one's own.
    reason: Mapped[str] = mapped_column(String(20), default="")
    words: Mapped[str] = mapped_column(Text, default="")

    __table_args__ = (Index("knowledge_uses_of_article", "article_id", "kind", "at"),)


class KnowledgeMiss(Base):
    """What people searched for and no article answers."""

    __tablename__ = "knowledge_misses"

    text: Mapped[str] = mapped_column(String(60), primary_key=True)
    count: Mapped[int] = mapped_column(default=1)
    last_at: Mapped[datetime] = mapped_column(index=True)
