"""A model that was taught the rhyme of a poem chooses it before it writes, and keeps to it."""

from collections import Counter

import numpy as np
import pytest
import torch

from poetgen.config import ModelConfig, SampleConfig
from poetgen.data.sequence import CONTROL, RHYME, Header, Layout
from poetgen.data.vocab import Vocab
from poetgen.network.model import PoetModel
from poetgen.prosody.feet import feet
from poetgen.prosody.rhyme_sign import sign_of_poem
from poetgen.writing.planning import plan
from poetgen.writing.request import Request
from poetgen.writing.sample import Job, Sample
from poetgen.writing.sampler import Sampler

CHARACTERS = (
    "春夏秋冬风花雪月山水云雨江河湖海天地日夜星光明白青红黄绿人心情意思归来去行坐看听松竹梅兰，。"
    "东中空同通公功宫穷雄灰回杯台开哀才飞归衣微非稀机鱼书居初车如"
)
VOCAB = Vocab.build(dict.fromkeys(CHARACTERS, 1), CONTROL)


@pytest.fixture(scope="module")
def model() -> PoetModel:
    torch.manual_seed(0)
    return PoetModel(ModelConfig(len(VOCAB), layers=2, hidden=16, embed=8))


def write(model: PoetModel, jobs: list[Job]) -> list[Sample]:
    return list(Sampler(model, VOCAB).samples(jobs))


def after_rhyme(model: PoetModel, request: Request) -> dict[str, float]:
    """The probabilities of all tokens after [RHYME]."""
    layout = Layout(VOCAB)
    ids = [*layout.encode(plan(request, 64).header)[:-1], layout.rhyme]
    with torch.inference_mode():
        logits, _ = model(torch.tensor([ids]))
    return dict(zip(VOCAB.tokens, torch.softmax(logits[0, -1].double(), -1).tolist(), strict=True))


def test_the_rhyme_is_drawn_as_the_model_has_it_and_kept(model: PoetModel) -> None:
    request = Request("春夜", "七绝")
    config = SampleConfig(seed=1, temperature=1.0, top_k=1000)
    poems = write(model, [Job(request, config)] * 600)
    signs = Counter(sign_of_poem(poem.text, "七绝") for poem in poems)
    chances = {sign: chance for sign, chance in after_rhyme(model, request).items() if sign in signs}
    level = Counter(name[-1] for char in set(CHARACTERS) for name in feet(char, "平", usual=True))
    possible = {sign for sign, count in level.items() if count >= 2 and sign in VOCAB}
    assert len(possible) > 5 and set(signs) == possible, "every rhyme that has feet enough"
    total = sum(chances.values())
    for sign, chance in chances.items():
        share = chance / total
        assert abs(signs[sign] / 600 - share) < 4 * np.sqrt(share * (1 - share) / 600)


def test_what_a_draft_costs_is_told_with_its_rhyme(model: PoetModel) -> None:
    (poem,) = write(model, [Job(Request("春夜", "五绝"), SampleConfig(seed=2))])
    sign = sign_of_poem(poem.text, "五绝")
    layout = Layout(VOCAB)
    header, body = layout.encode(Header(form="五绝", title="春夜", rhyme=sign)), VOCAB.encode(poem.text)
    assert VOCAB.decode(header) == f"[五绝][TITLE]春夜{RHYME}{sign}[BODY]"
    with torch.inference_mode():
        logits, _ = model(torch.tensor([header + body[:-1]]))
    nats = torch.nn.functional.cross_entropy(logits[0, len(header) - 1 :].double(), torch.tensor(body))
    assert poem.perplexity == pytest.approx(float(nats.exp()), rel=1e-4)


def test_a_rhyme_that_is_asked_for_is_the_one_chosen(model: PoetModel) -> None:
    jobs = [Job(Request("春夜", "七绝", rhyme="灰"), SampleConfig(seed=seed, candidates=2)) for seed in range(8)]
    assert {sign_of_poem(poem.text, "七绝") for poem in write(model, jobs)} == {"灰"}
    jobs = [Job(Request("春夜", "七绝", rhyme="off"), SampleConfig(seed=seed)) for seed in range(8)]
    assert "" in {sign_of_poem(poem.text, "七绝") for poem in write(model, jobs)}, (
        "without a rhyme there is none to keep"
    )


def test_company_changes_nothing(model: PoetModel) -> None:
    requests = [Request(title, form) for title in ("春", "秋江夜月") for form in ("七绝", "五律", "free", "五古")]
    jobs = [Job(request, SampleConfig(seed=5, candidates=2, length=30)) for request in requests * 5]
    together = write(model, jobs)
    assert [poem.text for poem in write(model, jobs[:1])] == [together[0].text]
    assert [poem.text for poem in write(model, jobs[6:8])] == [poem.text for poem in together[6:8]]
