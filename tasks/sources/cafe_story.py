"""The words of the stories of the cafe task, and the text of a story in English and in Chinese."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..task import HIDDEN


class Clause(NamedTuple):
    """Indices into PERSONS, ACTS, PLACES and HOURS."""

    person: int
    act: int
    place: int
    hour: int


class Word(NamedTuple):
    token: str
    en: str
    zh: str


class Act(NamedTuple):
    """What a person does, with two wordings in each language."""

    token: str
    en: tuple[str, str]
    zh: tuple[str, str]


PERSONS = (
    Word("Anna", "Anna", "安娜"),
    Word("Bruno", "Bruno", "布鲁诺"),
    Word("Clara", "Clara", "克拉拉"),
    Word("David", "David", "大卫"),
    Word("Emma", "Emma", "艾玛"),
    Word("Felix", "Felix", "菲利克斯"),
    Word("Grace", "Grace", "格蕾丝"),
    Word("Henry", "Henry", "亨利"),
)
PLACES = (
    Word("café", "the café", "咖啡馆"),
    Word("bakery", "the bakery", "面包房"),
    Word("bistro", "the bistro", "小酒馆"),
    Word("inn", "the inn", "客栈"),
    Word("tea_house", "the tea house", "茶馆"),
    Word("pizzeria", "the pizzeria", "比萨店"),
    Word("noodle_shop", "the noodle shop", "面馆"),
    Word("canteen", "the canteen", "食堂"),
)
HOURS = (
    Word("nine", "at nine", "上午九点"),
    Word("ten", "at ten", "上午十点"),
    Word("eleven", "at eleven", "上午十一点"),
    Word("noon", "at noon", "正午"),
    Word("one", "at one", "下午一点"),
    Word("two", "at two", "下午两点"),
    Word("three", "at three", "下午三点"),
    Word("four", "at four", "下午四点"),
)
OUTSIDE = (
    Act("means_to_go_to", ("meant to go to {}", "planned a visit to {}"), ("打算去{}", "想去{}坐坐")),
    Act("telephones", ("telephoned {}", "rang up {}"), ("给{}打了电话", "打电话向{}订了位")),
    Act("hears_of", ("heard people talk of {}", "was told about {}"), ("听人说起{}", "听说了{}的事")),
    Act("thinks_of", ("thought of {}", "dreamt of {}"), ("想起了{}", "惦记着{}")),
    Act("passes_by", ("walked past {}", "passed {} without going in"), ("从{}门前走过", "路过{}却没有进去")),
    Act(
        "waits_outside",
        ("waited for a friend outside {}", "stood about in front of {}"),
        ("在{}外面等朋友", "在{}门口站了一会儿"),
    ),
)
"""Acts that are no part of a visit."""

INSIDE = (
    Act("enters", ("came into {}", "stepped into {}"), ("走进了{}", "进了{}的门")),
    Act("sits_down_in", ("sat down in {}", "took a seat in {}"), ("在{}里坐了下来", "在{}里找了个座位")),
    Act("orders_in", ("ordered tea in {}", "asked for the menu in {}"), ("在{}里点了茶", "在{}里要了菜单")),
    Act("reads_in", ("read the paper in {}", "leafed through a book in {}"), ("在{}里看报", "在{}里翻书")),
    Act("chats_in", ("chatted with a friend in {}", "met a friend in {}"), ("在{}里和朋友聊天", "在{}里遇见了朋友")),
    Act("leaves", ("left {}", "walked out of {}"), ("离开了{}", "从{}里走了出来")),
)
"""Acts of a visitor, in the order of a visit."""

ACTS = OUTSIDE + INSIDE
LANGUAGES = ("en", "zh")
UNREADABLE = "…"


def tell_story(clauses: Sequence[Clause], place: int, count: int, language: str) -> str:
    """Return the story, the question and the answer, each on one line.

    Raises ValueError if the language is not one of LANGUAGES.
    """
    if language not in LANGUAGES:
        raise ValueError(f"language is '{language}', but stories of the café exist in {' and '.join(LANGUAGES)}")
    sentences = [tell_clause(clause, position, language) for position, clause in enumerate(clauses)]
    if language == "zh":
        question = f"{PLACES[place].zh}一共接待了多少人次？（同一个人在同一钟点只算一人次。）"
        return "\n".join(["".join(sentences), question, f"{count}人次。"])
    question = f"How many visits were paid to {PLACES[place].en}? (One person at one hour is one visit.)"
    return "\n".join([" ".join(sentences), question, f"{count}."])


def tell_clause(clause: Clause, position: int, language: str) -> str:
    """Return one sentence. The position in the story determines its wording and the place of the hour in it."""
    if HIDDEN in clause:
        return UNREADABLE
    wording, hour_first = position // 2 % 2, position % 2 == 0
    person, place, hour = PERSONS[clause.person], PLACES[clause.place], HOURS[clause.hour]
    if language == "zh":
        deed = ACTS[clause.act].zh[wording].format(place.zh)
        return f"{hour.zh}，{person.zh}{deed}。" if hour_first else f"{person.zh}{hour.zh}{deed}。"
    deed = f"{person.en} {ACTS[clause.act].en[wording].format(place.en)}"
    return f"{hour.en.capitalize()}, {deed}." if hour_first else f"{deed} {hour.en}."
