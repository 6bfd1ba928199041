"""From a message to what it is about: topic, facet, entry, or an honest reason why not.

The decisions come in this order: something fixed (small talk, danger), a document by number, then topic, facet and
entry by themselves, and at last whether to answer, to ask or to refuse. ``Understander`` holds the indexes of one
version of the knowledge base.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import numpy as np

from knowledge.base import KnowledgeBase
from knowledge.classifier import Trained
from knowledge.documents import DocumentMatch
from knowledge.entries import FEATURES, Choice, Choices, EntryChooser
from knowledge.explaining import explain
from knowledge.facets import FacetReader
from knowledge.fixed import find_sensitive, find_small_talk
from knowledge.followups import DEFAULT_WEIGHTS as CONTEXT_WEIGHTS
from knowledge.followups import earlier_turns, names_no_matter, split_questions, together
from knowledge.outcome import confidence_features, outside_features, probability
from knowledge.places import find_province
from knowledge.ranking import Ranker, Ranking
from knowledge.reading import Reading, light_words, load_yaml, read
from knowledge.schema import Document, Entry
from knowledge.taxonomy import DEFAULT_FACET, NATIONAL, SOURCES_FACET
from knowledge.text import fold


class Outcome(StrEnum):
    """How a question ends; part of the outward contract."""

    ANSWER = "answer"
    CLARIFY = "clarify"
    NO_ANSWER = "no_answer"
    SMALL_TALK = "small_talk"
    SENSITIVE = "sensitive"


class Reason(StrEnum):
    """Why there is no answer."""

    OTHER_AGENCY = "other_agency"
    NOT_IN_KB = "not_in_kb"
    UNCLEAR = "unclear"


@dataclass(frozen=True)
class Candidate:
    """One reading of a message. ``score`` lies between 0 and 1; ``article`` is the entry that would answer it."""

    topic: str
    facet: str
    article: str | None
    score: float


@dataclass(frozen=True)
class QuestionContext:
    """What is known before the message is read. ``question`` is what the person asked last."""

    province: str = NATIONAL
    audience: str | None = None
    topic: str | None = None
    facet: str | None = None
    recent_topics: tuple[str, ...] = ()
    question: str | None = None


@dataclass(frozen=True)
class Understanding:
    """What a message is about. ``alternatives`` are other readings worth offering, best first.

    ``phrase`` names the kind of small talk or of sensitive matter; ``referral`` is the card of another agency;
    ``explain`` holds what the decision rests on, for people who look into a logged question.
    """

    outcome: Outcome
    confidence: float
    topic: str | None = None
    facet: str | None = None
    article: str | None = None
    candidates: tuple[Candidate, ...] = ()
    alternatives: tuple[Candidate, ...] = ()
    also: Candidate | None = None
    reason: Reason | None = None
    referral: str | None = None
    phrase: str | None = None
    document: DocumentMatch | None = None
    province: str | None = None
    explain: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Thresholds:
    """Where an answer becomes a question, and a question a refusal: probabilities between 0 and 1.

    ``answer``: least confidence for an answer; ``clarify``: least confidence for a question back; ``outside``: the
    probability that it is not ours from which on a message is refused; ``outside_context`` and ``answer_context``: the
    same inside a conversation, where what was said before breaks a tie; ``runner_up``: least probability of another
    topic to be offered beneath an answer; ``second``: least confidence of each half of a double question; ``offered``:
    least probability of a topic to be offered beneath a refusal; ``fact_of_document``: how much of the message an entry
    must explain to answer in place of the document's card; ``fact``: the confidence of a fact that is asked for in its
    own words with its province or number, ``fact_near`` and ``fact_covered`` how near such words must be.
    """

    answer: float = 0.5
    clarify: float = 0.25
    outside: float = 0.5
    outside_context: float = 0.75
    answer_context: float = 0.25
    runner_up: float = 0.02
    second: float = 0.7
    offered: float = 0.04
    fact_of_document: float = 0.24
    fact: float = 0.6
    fact_near: float = 0.9
    fact_covered: float = 0.7


_WARM = "cho hỏi hồ sơ gồm những gì"
ENTRY_FEATURE = FEATURES.index("entry")
_COVERED_FEATURE, _NUMBERS_FEATURE = FEATURES.index("covered"), FEATURES.index("numbers")
_BARE_NUMBER = 2  # words beside which a number without a kind is looked at twice
_DEFAULT_CALIBRATION = (1.0, 0.5, -0.4, 1.0, 0.0)
_LEAST_CARD = 0.12  # least probability of a referral card to be named
_CARD_BESIDE_OFF = 0.25  # and at least this much of the probability that it is nobody's we know
_DEFAULT_OUTCOME = (0.8, -0.3, 0.0, -1.0, *(0.0,) * 12)
# who signed: the register knows the issuer; an entry answers only where it tells the signer
_SIGNATURE = frozenset({"ai", "ký", "ra", "người"})
_DOCUMENT_FACETS = frozenset({"muc-ho-tro", "ho-so", "doi-tuong", "thu-tuc", "chi-phi"})


def _one_a_topic(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """The best candidate of each topic, at most five."""
    best: dict[str, Candidate] = {}
    for candidate in candidates:
        best.setdefault(candidate.topic, candidate)
    return tuple(best.values())[:5]


class Understander:
    """Reads questions against one version of the knowledge base. Thread-safe: nothing changes after construction."""

    def __init__(
        self, knowledge: KnowledgeBase, thresholds: Thresholds | None = None, *, trained: Trained | None = None,
        left_out: frozenset[str] = frozenset(),
    ) -> None:  # fmt: skip
        self.knowledge = knowledge
        self.ranker = Ranker(knowledge, trained, left_out=left_out)
        fitted = self.ranker.trained.fitted
        self.thresholds = thresholds or Thresholds(**fitted.get("thresholds", {}))
        self.facets = FacetReader(self.ranker.trained)
        self.entries = EntryChooser(self.ranker)
        self.ranker.built()
        _ = knowledge.register, knowledge.cited_in, read(_WARM)  # nobody waits for what is loaded at its first use
        self._named = {
            " ".join(light_words(name)): topic.id
            for topic in knowledge.topics.values()
            for name in (topic.label, *topic.names)
        }
        self._about_documents = frozenset(load_yaml("phrases")["about_documents"])
        self._calibration = tuple(fitted.get("calibration", _DEFAULT_CALIBRATION))
        self._outcome = tuple(fitted.get("outcome", _DEFAULT_OUTCOME))
        self._outcome_context = tuple(fitted.get("outcome_context", self._outcome))
        self._context = {**CONTEXT_WEIGHTS, **fitted.get("context", {})}

    # -- the decisions, in order ------------------------------------------------------------------------------------

    def understand(self, text: str, context: QuestionContext | None = None) -> Understanding:
        """Decide what ``text`` is about. Never raises for any text."""
        context = context or QuestionContext()
        reading = read(text)
        said = find_province(reading.folded)
        province = said or context.province
        if kind := find_sensitive(reading):
            return self._finish(Understanding(Outcome.SENSITIVE, 0.95, phrase=kind), reading, said)
        if not reading.words:
            if kind := find_small_talk(reading):
                return self._finish(Understanding(Outcome.SMALL_TALK, 0.95, phrase=kind), reading, said)
            return self._finish(Understanding(Outcome.NO_ANSWER, 0.9, reason=Reason.UNCLEAR), reading, said)
        if kind := find_small_talk(reading):
            return self._finish(Understanding(Outcome.SMALL_TALK, 0.95, phrase=kind), reading, said)
        register = self.knowledge.register
        match = register.find(text, province=province)
        if match is None and reading.decoded:
            match = register.find(" ".join(reading.words), province=province)
        # a bare number may count anything: it names a document only where the message may be ours
        bare = match is not None and match.named.kind is None and not match.alone and len(reading.words) > _BARE_NUMBER
        if match and not bare and (found := self._document(match, reading, province, said)):
            return self._finish(found, reading, said)
        decided, ranking = self._decide(reading, context, province, said)
        if match and bare and decided.outcome is Outcome.ANSWER:
            decided = self._document(match, reading, province, said) or decided
        decided = self._with_second(decided, reading, context, province, said)
        return self._finish(decided, reading, said, ranking)

    def _finish(
        self, decided: Understanding, reading: Reading, said: str | None, ranking: Ranking | None = None
    ) -> Understanding:
        return replace(decided, province=said, explain=explain(decided, reading, ranking, self.ranker.weights))

    def _document(
        self, match: DocumentMatch, reading: Reading, province: str, said: str | None
    ) -> Understanding | None:
        """What a named document answers: an entry that stands on it where the message asks for more than the document.

        None where the register lacks the number but an entry tells of it.
        """
        if match.best is None and not match.others:
            decided, _ = self._decide(reading, QuestionContext(province), province, said)
            entry = self.knowledge.entries.get(decided.article or "")
            told = self.knowledge.register.find_numbers(f"{entry.title}. {entry.answer}") if entry else []
            if any(match.named.is_told_by(number) for number in told):
                return None
            return Understanding(Outcome.NO_ANSWER, 0.9, reason=Reason.NOT_IN_KB, document=match)
        if match.best is None:
            options = tuple(Candidate(d.topic, SOURCES_FACET, d.article, 1 / len(match.others)) for d in match.others)
            return Understanding(
                Outcome.CLARIFY,
                options[0].score,
                candidates=_one_a_topic(options),
                alternatives=options[:4],
                document=match,
            )
        document = match.best
        entry = self._entry_on(document, reading, province, said)
        article, shown, topic = document.article, SOURCES_FACET, document.topic
        if entry is not None:
            article, shown, topic = entry.id, entry.facet, entry.topic
        best = Candidate(topic, shown, article, 0.95)
        others = tuple(Candidate(d.topic, SOURCES_FACET, d.article, 0.3) for d in match.others)
        if entry is not None:
            others = (Candidate(document.topic, SOURCES_FACET, document.article, 0.3), *others)
        return Understanding(
            Outcome.ANSWER, 0.95, topic, shown, article, candidates=_one_a_topic((best, *others)),
            alternatives=others[:3],
            document=match,
        )  # fmt: skip

    def _entry_on(self, document: Document, reading: Reading, province: str, said: str | None) -> Entry | None:
        """The entry that answers what a message asks about a document; None where it asks for the document itself."""
        named = set(fold(f"{document.number} {document.kind} {document.issuer}").replace("/", " ").split())
        asked = [
            w for w in reading.words if fold(w) not in named and w not in self._about_documents and not w[0].isdigit()
        ]
        places = {word for p in self.knowledge.taxonomy.provinces.values() for word in fold(p.name).split()}
        asked = [word for word in asked if fold(word) not in places]
        signer = "ký" in asked and set(asked) <= _SIGNATURE
        if (len(asked) < 2 and not signer) or set(asked) <= {"ai", "ra"}:
            return None
        evidence = self.ranker.look(reading)
        ranking = self.ranker.rank(evidence, prior={document.topic: 2.0})
        facets = self.facets.read(evidence)
        cited = frozenset(self.knowledge.cited_in.get(document.id, ()))
        of_province = document.province if document.province != NATIONAL else None
        choices = self.entries.choose(
            reading, ranking, facets, province=province, said=said or of_province,
            cited=cited, topic=document.topic,
        )  # fmt: skip
        wanted = (
            choice
            for choice in choices
            if not signer or (choice.entry.id in cited and "ký" in light_words(choice.entry.answer))
        )
        best = next(wanted, None)
        if best is None:
            return None
        if best.entry.kind == "fact":
            return best.entry if best.features[ENTRY_FEATURE] >= self.thresholds.fact_of_document else None
        if best.entry.facet in _DOCUMENT_FACETS and facets[best.entry.facet] > math.log(0.6):
            return best.entry
        return None

    # -- topic, facet, entry ----------------------------------------------------------------------------------------

    def _decide(
        self, reading: Reading, context: QuestionContext, province: str, said: str | None
    ) -> tuple[Understanding, Ranking]:
        evidence = self.ranker.look(reading)
        earlier = joint = None
        if context.topic is not None or context.question is not None:
            earlier = earlier_turns(reading, context.topic, context.recent_topics, self._context)
            # a follow-up leaves out its subject; where the message before led to none, the two may name one together
            known = self.knowledge.topics.get(context.topic or "")
            before = known.label if known else context.question
            if before is not None:
                joint = self.ranker.look(read(together(before, reading.text)))
        ranking = self.ranker.rank(evidence, earlier=earlier, joint=joint)
        facets = self.facets.read(evidence)
        choices = self.entries.choose(reading, ranking, facets, province=province, said=said)
        weights = self._outcome if earlier is None else self._outcome_context
        outside = probability(weights, outside_features(self.ranker, ranking, joint))
        if earlier is not None and earlier.asks_on and earlier.subject is not None:
            outside = 0.0
            choices = choices.of_class(self.ranker.class_number(earlier.subject)) or choices
        confidence = self.confidence(ranking, outside, choices[0].entry.topic if choices else None)
        named = self._named.get(" ".join(reading.words))
        if choices and named == choices[0].entry.topic:
            choices = self._introduction(choices, named, province)
        limits = self.thresholds
        if choices and self._told_by(choices[0], said):
            outside, confidence = 0.0, max(confidence, limits.fact)
        candidates = self._candidates(ranking, choices, facets, province, confidence)
        if outside > (limits.outside if earlier is None else limits.outside_context) or not candidates:
            return self._refuse(ranking, confidence, candidates), ranking
        least = limits.answer if earlier is None else min(limits.answer, limits.answer_context)
        if confidence >= least or (len(candidates) < 2 and confidence >= limits.clarify):
            best, others = candidates[0], candidates[1:]
            near = tuple(c for c in others if c.score >= limits.runner_up)[:3]
            decided = Understanding(
                Outcome.ANSWER,
                confidence,
                best.topic,
                best.facet,
                best.article,
                candidates=candidates[:5],
                alternatives=near,
            )
            return decided, ranking
        if confidence >= limits.clarify:
            best = candidates[0]
            return (
                Understanding(
                    Outcome.CLARIFY, confidence, best.topic, best.facet, None, candidates=candidates[:5],
                    alternatives=candidates[:4],
                ),
                ranking,
            )  # fmt: skip
        return self._refuse(ranking, confidence, candidates), ranking

    def _introduction(self, choices: Choices, topic: str, province: str) -> Choices:
        """The entry that introduces a topic goes first where a message is nothing but its name."""
        entry = self.knowledge.facet_entry(topic, DEFAULT_FACET, province)
        places = [place for place, choice in enumerate(choices) if choice.entry == entry]
        return choices[places[0] :] if places else choices

    def _told_by(self, choice: Choice, said: str | None) -> bool:
        """Whether a fact is asked for nearly in its own words, with its province or number: then it answers.

        The classifiers know topics; of a plan's many facts they know little.
        """
        if choice.entry.kind != "fact":
            return False
        named = (said is not None and said == choice.entry.province) or choice.features[_NUMBERS_FEATURE] > 0
        near, covered = choice.features[ENTRY_FEATURE], choice.features[_COVERED_FEATURE]
        return bool(named and near >= self.thresholds.fact_near and covered >= self.thresholds.fact_covered)

    def confidence(self, ranking: Ranking, outside: float, topic: str | None = None) -> float:
        """The calibrated probability that ``topic`` (or the likeliest topic) is right."""
        count = self.ranker.topic_count
        number = self.ranker.class_number(topic) if topic else int(ranking.log_probabilities[:count].argmax())
        return round(probability(self._calibration, confidence_features(self.ranker, ranking, number, outside)), 4)

    def _candidates(
        self, ranking: Ranking, choices: Choices, facets: dict[str, float], province: str, confidence: float
    ) -> tuple[Candidate, ...]:
        """Up to five topics, each with the entry that would answer; the chosen entry's topic first."""
        found: dict[str, Candidate] = {}
        if choices:
            first = choices[0].entry
            found[first.topic] = Candidate(first.topic, first.facet, first.id, confidence)
        best_of = choices.best_of_class()
        facet = max(facets, key=facets.__getitem__)
        for number in ranking.likeliest():
            if number >= self.ranker.topic_count:
                continue
            topic = ranking.classes[number]
            own = best_of.get(number) or self.knowledge.facet_entry(topic, facet, province)
            if topic not in found and own is not None:
                score = round(min(ranking.probability(number), confidence), 4)
                found[topic] = Candidate(topic, own.facet, own.id, score)
            if len(found) == 5:
                break
        return tuple(found.values())

    def _refuse(self, ranking: Ranking, confidence: float, candidates: tuple[Candidate, ...]) -> Understanding:
        """No answer: another agency's matter where a referral card says so, otherwise not in the knowledge base."""
        count, logs = self.ranker.topic_count, ranking.log_probabilities
        sure = round(max(0.0, 1 - confidence), 4)
        strongest = float(np.exp(logs[:count]).max(initial=0.0))
        bare, off = ranking.probability(len(logs) - 2), ranking.probability(len(logs) - 1)
        strongest_card = float(np.exp(logs[count:-2]).max(initial=0.0))
        if bare > max(off, strongest_card) or (names_no_matter(ranking.evidence.reading) and off > strongest_card):
            return Understanding(Outcome.NO_ANSWER, sure, reason=Reason.UNCLEAR, candidates=candidates)
        if len(logs) - 2 > count:
            card = count + int(logs[count:-2].argmax())
            # where to go is worth more to a person than that it is not ours
            if ranking.probability(card) > max(_LEAST_CARD, strongest, _CARD_BESIDE_OFF * off):
                return Understanding(
                    Outcome.NO_ANSWER, sure, reason=Reason.OTHER_AGENCY,
                    referral=ranking.classes[card].removeprefix("ref:"), candidates=candidates,
                )  # fmt: skip
        near = tuple(c for c in candidates if c.score >= self.thresholds.offered)[:2]
        return Understanding(Outcome.NO_ANSWER, sure, reason=Reason.NOT_IN_KB, candidates=candidates, alternatives=near)

    # -- two questions in one message -------------------------------------------------------------------------------

    def _with_second(
        self, decided: Understanding, reading: Reading, context: QuestionContext, province: str, said: str | None
    ) -> Understanding:
        """The answer to a second question of the same message, where both are clear and differ."""
        if decided.outcome is not Outcome.ANSWER:
            return decided
        halves = split_questions(reading)
        if halves is None:
            return decided
        first, _ = self._decide(read(halves[0]), context, province, said)
        if first.outcome is not Outcome.ANSWER or first.confidence < self.thresholds.second:
            return decided
        second, _ = self._decide(
            read(halves[1]), replace(context, topic=first.topic, facet=first.facet), province, said
        )
        if second.outcome is not Outcome.ANSWER or second.confidence < self.thresholds.second:
            return decided
        if decided.topic not in (first.topic, second.topic) or first.article == second.article:
            return decided
        if decided.article == second.article:
            first, second = second, first
        elif decided.article != first.article and decided.facet != first.facet:
            return decided  # the halves mean something else than the whole
        if second.facet == DEFAULT_FACET and second.topic == first.topic:
            return decided  # what it is at all stands in the answer already
        assert second.topic is not None
        assert second.facet is not None
        other = Candidate(second.topic, second.facet, second.article, second.confidence)
        candidates = (*first.candidates[:1], *(c for c in decided.candidates if c.topic != first.topic))[:5]
        return replace(first, candidates=candidates, alternatives=decided.alternatives, also=other)
