"""对联: how one line of a couplet is answered by the other.

    [七律] [BODY] 书 山 有 路 勤 为 径 ，      ┊ 学 海 无 涯 苦 作 舟      a first line is read, its second drawn
    [七律] [HELD] [SEP] 学 海 … [RHYME] 尤 [BODY] ┊ 书 山 有 路 勤 为 径   a second is told ahead, its first drawn

Each draft is drawn character by character. What may stand at a place is a mask: tones opposed to those of the line that
is given, where they bind, none of its characters, and a repetition just where it repeats. To what the network gives a
character comes how much more often it answers the one that it faces than chance has it (prosody/parallel.py); the
network knows verse, and this table knows couplets. Of the drafts that `check` finds without fault the best is kept:

    score =   mean log-likelihood of a character of the answer                            (is it verse?)
            + GAIN_WEIGHT · (log p(second | first) − log p(second)) / characters          (do they belong together?)
            + SURE_WEIGHT · how sure `check` is that they stand parallel

The second is the pointwise mutual information of both lines, by which Li et al. (2016) rank answers.

Shapes: N drafts, n characters of a line, V vocabulary, D width of the vectors of parallel.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Unpack

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from poetgen.config import SampleConfig
from poetgen.data.held import Marks, encode_held
from poetgen.data.sequence import HELD, RHYME, Column, Header, Layout
from poetgen.errors import UsageError
from poetgen.network.checkpoint import Checkpoint
from poetgen.network.model import State
from poetgen.network.stepping import Stepper
from poetgen.prosody.explain_parallel import explain_couplet
from poetgen.prosody.forms import form_of_shape
from poetgen.prosody.parallel import CLASSES, UNLIKE, judge_couplet, vector, word_class
from poetgen.prosody.readings import Reader
from poetgen.prosody.rhyme_sign import sign_of_poem
from poetgen.prosody.rhymes import LEVEL, OBLIQUE
from poetgen.prosody.schools import School
from poetgen.writing.choice import best_candidates, pick
from poetgen.writing.couplet import Couplet, CoupletOptions, CoupletRequest
from poetgen.writing.masks import Mask, Masks
from poetgen.writing.writer import fresh_seed

#: The weights of the score, and of the table of parallel characters in a draw (docs/couplets.md).
GAIN_WEIGHT: Final = 1.0
SURE_WEIGHT: Final = 1.0
TABLE_WEIGHT: Final = 0.5
#: How often drafts are drawn anew where too few of them are without fault.
_ROUNDS: Final = 4
_BANNER: Final = 4
_OPPOSED: Final = {LEVEL: OBLIQUE, OBLIQUE: LEVEL}


class CoupletWriter:
    """Answers lines with a checkpoint. Not safe for use by several threads at once.

    `table_weight` is that of the table of parallel characters in a draw.
    """

    def __init__(self, checkpoint: Checkpoint, table_weight: float = TABLE_WEIGHT) -> None:
        if not checkpoint.vocab.chinese:
            raise UsageError(f"{checkpoint.path}: writes no Chinese verse; give the checkpoint of one that does")
        self.checkpoint, self.model, self.vocab = checkpoint, checkpoint.model.eval(), checkpoint.vocab
        self._stepper = Stepper(self.model)
        self.table_weight = table_weight
        self.masks, self.layout = Masks(self.vocab), Layout(self.vocab)
        self.device = next(self.model.parameters()).device

    def request(self, line: str, **options: Unpack[CoupletOptions]) -> CoupletRequest:
        """What a line asks for; raises UsageError that says what would do."""
        seed = options.get("seed")
        return CoupletRequest.of(line, self.vocab, {**options, "seed": fresh_seed() if seed is None else seed})

    def answers(self, request: CoupletRequest, num: int = 1) -> list[Couplet]:
        """The `num` best couplets with the line, best first; fewer where the drafts hold no more that are sound.

        Raises UsageError where they hold none.
        """
        found: dict[str, Couplet] = {}
        random = request.stream("answers")
        for _ in range(_ROUNDS):
            for couplet in self.drafts(request, random):
                if couplet.text not in found and self._is_sound(couplet):
                    found[couplet.text] = couplet
            if len(found) >= num:
                break
        if not found:
            raise UsageError(f"{request.line}: no draft answers it without fault; give another line, or another --seed")
        best = sorted(found.values(), key=lambda couplet: -couplet.scores["score"])[:num]
        if not request.banner:
            return best
        return [replace(couplet, banner=self._banner(couplet)) for couplet in best]

    def _is_sound(self, couplet: Couplet) -> bool:
        """Whether `check` finds no fault, parallelism left aside, and the answer is no line of the corpus."""
        request = couplet.request
        allowed = {"对仗", *(("失对", "尾字") if request.tones == "off" else ())}
        explained = explain_couplet((couplet.first, couplet.second), Reader(), School(allowed=frozenset(allowed)))
        answer = couplet.first if request.reverse else couplet.second
        lines = self.checkpoint.lines
        return not explained.faults and (lines is None or answer not in lines)

    # Drafts ------------------------------------------------------------------------------------------------------

    @torch.inference_mode()
    def drafts(self, request: CoupletRequest, random: np.random.Generator) -> list[Couplet]:
        """Different drafts with their scores, sound ones or not."""
        line, config = request.line, request.config
        plain = self.header(request, held=False)
        prefix = self.header(request, held=True) if request.reverse else plain + self.vocab.encode(line + "，")
        drawn, given = self._draw(prefix, self._places(request), config, random)
        _, first = np.unique(drawn, axis=0, return_index=True)
        drawn, given = drawn[first], given[first]
        if request.reverse and not self._knows_held:  # the answer could not be drawn with the line in view
            given = self.costs(plain, drawn, self.vocab.encode("，" + line))
            gain = self.costs(plain, np.array([self.vocab.encode(line)])) - given
            likelihood = -self.costs(plain, drawn)
        else:
            gain, likelihood = self.costs(plain, drawn) - given, -given
        couplets = []
        for row, answer in enumerate(map(self.vocab.decode, drawn.tolist())):
            first_line, second = (answer, line) if request.reverse else (line, answer)
            scores = {
                "likelihood": float(likelihood[row]) / len(line),
                "gain": float(gain[row]) / len(line),
                "parallel": judge_couplet(first_line, second).sure,
            }
            scores["score"] = scores["likelihood"] + GAIN_WEIGHT * scores["gain"] + SURE_WEIGHT * scores["parallel"]
            couplets.append(Couplet(first_line, second, "", request, scores, self.checkpoint.id))
        return couplets

    @property
    def _knows_held(self) -> bool:
        return HELD in self.vocab

    def header(self, request: CoupletRequest, held: bool) -> list[int]:
        """The ids up to [BODY]; with `held` they tell the line that is given as the second one, and its rhyme."""
        line = request.line
        header = Header(form_of_shape([len(line)] * 8))
        if held and self._knows_held:
            body = self.vocab.encode(f"{line}，{line}。")  # the first is not shown
            stands = np.arange(len(body)) > len(line)
            told = encode_held(Column.of([body]), stands, Marks.of(self.vocab))
            header = replace(header, held=tuple(told.tokens.tolist()))
        if held and RHYME in self.vocab and (sign := sign_of_poem(f"{line}，{line}。", header.form)) in self.vocab:
            header = replace(header, rhyme=sign)
        return self.layout.encode(header)

    def _places(self, request: CoupletRequest) -> list[AnswerPlace]:
        """What may stand at each place of the answer to a line."""
        line = request.line
        tones = Reader().tones(line)
        binding = {*(range(2, len(line), 2) if 4 <= len(line) <= 7 else ()), len(line)}
        others = ~self.masks.chars(line)
        places = []
        for at, char in enumerate(line):
            mask = self.masks.han & others
            if request.tones == "strict" and at + 1 in binding:
                if at + 1 == len(line):
                    mask = mask & self.masks.tone(OBLIQUE if request.reverse else LEVEL, "")
                elif len(tones[at]) == 1:
                    mask = mask & self.masks.tone(_OPPOSED[next(iter(tones[at]))], "")
            places.append(AnswerPlace(mask, line.index(char), self.table_weight * self._answering(char)))
        return _together(places)

    def _answering(self, char: str) -> NDArray[np.float32]:
        """(V,) the logarithm of how much more often each character answers one than chance has it, 0 if not known."""
        known = vector(char)
        pull = np.zeros(len(self.vocab), dtype=np.float32)
        if known is None:
            return pull
        ids, vectors = self._vectors
        alike = vectors @ (known[0] * np.array(known[1], dtype=np.float32))
        pull[ids] = np.log(np.maximum(UNLIKE, 1 + alike))
        return pull

    @cached_property
    def _vectors(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The ids of the characters that have vectors, and these."""
        found = {
            id: known for id in np.flatnonzero(self.masks.han).tolist() if (known := vector(self.vocab.tokens[id]))
        }
        rows = [scale * np.array(parts, dtype=np.float32) for scale, parts in found.values()]
        return np.array(list(found), dtype=np.int64), np.array(rows, dtype=np.float32)

    # The network -------------------------------------------------------------------------------------------------

    @torch.inference_mode()
    def _draw(
        self, prefix: Sequence[int], places: Sequence[AnswerPlace], config: SampleConfig, random: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """(N, n) drafts that go on from a prefix, and (N,) what they cost in nats."""
        count = config.candidates
        features, state = self._read(prefix, count)
        drawn = np.zeros((count, len(places)), dtype=np.int64)
        nats = np.zeros(count)
        rows = np.arange(count)
        for at, place in enumerate(places):
            logits = self.model.logits(features).float()
            if place.same < at:
                tokens = drawn[:, place.same]
            else:
                scores = logits + torch.from_numpy(place.pull).to(self.device)
                scores[:, torch.from_numpy(~place.mask).to(self.device)] = -torch.inf
                scores[rows[:, None], drawn[:, :at]] = -torch.inf
                if not torch.isfinite(scores).any(1).all():
                    raise UsageError("the model's vocabulary is too small to answer this line; give another checkpoint")
                best, ids = best_candidates(scores, rows.tolist(), [config.top_k] * count)
                tokens = ids[rows, pick(best, [config] * count, random.random(count).tolist())]
            drawn[:, at] = tokens
            chosen = torch.from_numpy(tokens).to(self.device)
            nats += torch.nn.functional.cross_entropy(logits, chosen, reduction="none").cpu().numpy()
            features, state = self._stepper.step(chosen, state)
        return drawn, nats

    def _read(self, prefix: Sequence[int], count: int) -> tuple[Tensor, State]:
        """The features (N, H) and the state behind a prefix, the same for all of N rows."""
        features, state = self.model.features(torch.tensor([prefix], device=self.device))
        return features[:, -1].expand(count, -1), tuple(part.expand(-1, count, -1).contiguous() for part in state)

    @torch.inference_mode()
    def costs(self, prefix: Sequence[int], lines: NDArray[np.int64], behind: Sequence[int] = ()) -> NDArray[np.float64]:
        """(N,) what lines (N, n) cost behind a prefix, in nats; with `behind`, what that costs behind each line."""
        ids = torch.from_numpy(np.hstack([lines, np.tile(np.array(behind, dtype=np.int64), (len(lines), 1))]))
        ids = ids.to(self.device)
        features, state = self._read(prefix, len(ids))
        nats = np.zeros(len(ids))
        for at, next_ids in enumerate(ids.unbind(1)):
            if at > lines.shape[1] or not behind:  # of what stands behind, not its mark
                logits = self.model.logits(features).float()
                nats += torch.nn.functional.cross_entropy(logits, next_ids, reduction="none").cpu().numpy()
            features, state = self._stepper.step(next_ids, state)
        return nats

    # The banner --------------------------------------------------------------------------------------------------

    def _banner(self, couplet: Couplet) -> str:
        """Four characters to hang above a couplet: two words that none of its characters is in.

        They begin the line that the network writes behind it, the fourth level and the second opposed to it; of the
        drafts the one that has most to do with the couplet is kept.
        """
        request = couplet.request
        plain = self.header(request, held=False)
        mask = self.masks.han & ~self.masks.chars(couplet.text) & self._weighty
        tones = {1: OBLIQUE, 3: LEVEL} if request.tones == "strict" else {}
        none = np.zeros(len(self.vocab), dtype=np.float32)
        places = [
            AnswerPlace(mask & self.masks.tone(tones[at], "") if at in tones else mask, at, none)
            for at in range(_BANNER)
        ]
        prefix = plain + self.vocab.encode(couplet.text)
        drawn, given = self._draw(prefix, places, request.config, request.stream(couplet.text))
        gain = self.costs(plain, drawn) - given
        words = np.array([[row[at + 1] in self.masks.seconds(row[at]) for at in (0, 2)] for row in drawn.tolist()])
        score = (GAIN_WEIGHT * gain - given) / _BANNER + words.sum(1)
        return self.vocab.decode(drawn[int(score.argmax())].tolist())

    @cached_property
    def _weighty(self) -> Mask:
        """Characters of things, deeds and qualities, (V,): no adverbs, pronouns and particles."""
        light = {CLASSES[kind] for kind in "dru"}
        return np.array([word_class(token) not in light for token in self.vocab.tokens])


@dataclass(frozen=True)
class AnswerPlace:
    """A place of a line: which characters may stand there (V,), the earliest place that has the same one, counted from
    0 (its own where none has), and what is added to the network's scores (V,)."""

    mask: Mask
    same: int
    pull: NDArray[np.float32]


def _together(places: Sequence[AnswerPlace]) -> list[AnswerPlace]:
    """The same places, those that have one character allowing only what all of them allow."""
    masks = [np.all([other.mask for other in places if other.same == place.same], axis=0) for place in places]
    return [replace(place, mask=mask) for place, mask in zip(places, masks, strict=True)]
