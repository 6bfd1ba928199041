"""The training on a handful of texts: it learns, repeats itself, and what it writes reads back the same."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from benchmark.train_linear import look_at, make_table, matrix_of
from benchmark.train_network import HIDDEN, Targets, train_network
from knowledge.classifier import WEIGHTS_FILE, load_trained, read_trained, save_trained
from knowledge.features import features_of
from knowledge.leave_one_out import LEFT_OUT_FILE
from knowledge.spelling import LANGUAGE_FILE

MAX_BYTES = 5_000_000  # of everything that is committed
_SUBJECTS = (("nhãn hiệu", "logo", "thương hiệu"), ("cân đồng hồ", "trụ bơm xăng", "công tơ nước"))
_TIMES = 600  # each text; the rate needs a hundred batches to rise
_ASKED = (("nộp ở đâu", "làm thế nào"), ("hết bao nhiêu tiền", "phí ra sao"))


@pytest.fixture(scope="module")
def data() -> tuple[sparse.csr_matrix, list[Targets]]:
    said = [
        (f"cho tôi hỏi {subject} {ending}", topic, facet)
        for topic, subjects in enumerate(_SUBJECTS)
        for facet, endings in enumerate(_ASKED)
        for subject in subjects
        for ending in endings
    ]
    features = look_at([text for text, *_ in said], "test")
    often = np.tile(np.arange(len(said)), _TIMES)
    matrix = matrix_of(make_table(features, least=2), features)[often]
    rows, weights = np.arange(len(often)), np.ones(len(often), dtype=np.float32)
    labels = np.asarray([[topic, facet] for _, topic, facet in said])[often]
    return matrix, [Targets(rows, labels[:, task], weights, 2, 1.0) for task in (0, 1)]


def test_network_learns_both_tasks_and_repeats_itself(data: tuple[sparse.csr_matrix, list[Targets]]) -> None:
    matrix, tasks = data
    network = train_network(matrix, tasks)
    scores = np.maximum(matrix @ network.first + network.first_bias, 0) @ network.top + network.top_bias
    assert network.first.shape == (matrix.shape[1], HIDDEN)
    for at, task in enumerate(tasks):
        assert_array_equal(scores[:, 2 * at : 2 * at + 2].argmax(axis=1), task.labels)
    assert_array_equal(network.top, train_network(matrix, tasks).top)


def test_network_leaves_alone_what_a_task_says_nothing_about(data: tuple[sparse.csr_matrix, list[Targets]]) -> None:
    matrix, (topics, facets) = data
    heard = facets.rows < len(facets.rows) // 2
    told = Targets(facets.rows[heard], facets.labels[heard], facets.weights[heard], 2, 1.0)
    labels = np.where(heard, facets.labels, 1 - facets.labels)
    silent = Targets(facets.rows, labels, heard.astype(np.float32), 2, 1.0)
    assert_array_equal(train_network(matrix, [topics, told]).top, train_network(matrix, [topics, silent]).top)


def test_committed_weights_read_back_as_they_were_written(tmp_path: Path) -> None:
    trained = load_trained()
    save_trained(tmp_path / "again.npz", trained)
    again = read_trained(tmp_path / "again.npz")
    features = features_of(["đăng", "ký", "nhãn", "hiệu", "cho", "nước", "mắm", "hết", "bao", "nhiêu", "tiền"])
    assert_array_equal(trained.scores(features), again.scores(features))
    assert (tmp_path / "again.npz").read_bytes() == WEIGHTS_FILE.read_bytes()


def test_both_opinions_count_the_same() -> None:
    trained = load_trained()
    features = features_of(["xin", "giấy", "phép", "máy", "x", "quang"])
    silent = replace(trained, top=np.zeros_like(trained.top), top_bias=np.zeros_like(trained.top_bias))
    count = len(trained.top_bias)
    deaf = replace(
        trained, scale=np.where(np.arange(len(trained.scale)) < count, 0, trained.scale).astype(np.float32),
        bias=np.where(np.arange(len(trained.bias)) < count, 0, trained.bias).astype(np.float32),
    )  # fmt: skip
    assert_allclose(trained.scores(features), silent.scores(features) + deaf.scores(features), rtol=1e-4, atol=1e-4)
    assert np.abs(silent.scores(features)).max() > 1
    assert np.abs(deaf.scores(features)).max() > 1


def test_committed_weights_stay_small() -> None:
    assert sum(path.stat().st_size for path in (WEIGHTS_FILE, LANGUAGE_FILE, LEFT_OUT_FILE)) < MAX_BYTES
