"""Browsing without a question: fields, topics, facets, the choice of province."""

from __future__ import annotations

from handlers.answers import facet_choice
from handlers.context import TurnContext, choice
from handlers.messages import Choice, Reply
from handlers.texts import say
from knowledge.taxonomy import NATIONAL

TOPICS_SHOWN = 8


def main_menu(context: TurnContext) -> Reply:
    """The six fields, the province and a person to talk to."""
    fields = context.knowledge.taxonomy.fields.values()
    return Reply(
        say("menu"),
        choices=(
            *(Choice(field.name, f"f:{field.id}") for field in fields),
            choice("request.offer", "s"), choice("menu.province", "p"), choice("menu.audience", "a"),
            choice("menu.contact", "h"),
        ),
    )  # fmt: skip


def field_menu(context: TurnContext, field_id: str, start: int = 0) -> Reply | None:
    """The topics of a field that have content, eight at a time; None for an unknown field."""
    field = context.knowledge.taxonomy.fields.get(field_id)
    if field is None:
        return None
    topics = [topic for topic in field.topics if topic in context.knowledge.topics]
    shown = topics[start : start + TOPICS_SHOWN]
    choices = [Choice(context.knowledge.label(topic), f"t:{topic}") for topic in shown]
    if start + TOPICS_SHOWN < len(topics):
        choices.append(choice("menu.more_topics", f"f:{field_id}:{start + TOPICS_SHOWN}"))
    choices.append(choice("menu.back", "m"))
    return Reply(say("menu.field", field=field.name), choices=tuple(choices))


def topic_menu(context: TurnContext, topic: str, province: str) -> Reply | None:
    """The facets of a topic that have an entry; None for a topic without content."""
    facets = context.knowledge.facets(topic, province)
    if not facets:
        return None
    choices = [facet_choice(topic, facet) for facet in facets]
    return Reply(say("menu.topic", topic=context.knowledge.label(topic)), choices=(*choices, choice("menu.back", "m")))


def province_menu(context: TurnContext) -> Reply:
    """Today's provinces whose plans we hold, with the old names inside, and elsewhere."""
    provinces = [p for p in context.knowledge.taxonomy.provinces.values() if p.now]
    return Reply(
        say("province.ask"),
        choices=(
            *(choice(f"province.{province.id}", f"p:{province.id}") for province in provinces),
            choice("province.elsewhere", f"p:{NATIONAL}"),
        ),
    )


def audience_menu(context: TurnContext) -> Reply:
    """Who the person asks for."""
    audiences = context.knowledge.taxonomy.audiences.items()
    return Reply(say("audience.ask"), choices=tuple(Choice(name, f"a:{audience}") for audience, name in audiences))


def province_name(province: str) -> str:
    """A province as the person chose it."""
    return say("province.elsewhere_name") if province == NATIONAL else say(f"province.{province}")
