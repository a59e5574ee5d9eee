"""What clients of a cluster do where the controller has changed since they last heard of it."""

from __future__ import annotations

from concurrent.futures import Future

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils.connection import remove_topic
from confluent_kafka import KafkaError, KafkaException

NOT_CONTROLLER = KafkaError.NOT_CONTROLLER


class Client:
    """One whose requests to remove a topic end with these errors, in turn; None for none."""

    def __init__(self, *errors: int | None) -> None:
        self.errors, self.looked = list(errors), 0

    def delete_topics(self, names: list[str], **_limits: float) -> dict[str, Future[None]]:
        done: Future[None] = Future()
        code = self.errors.pop(0)
        if code is None:
            done.set_result(None)
        else:
            done.set_exception(KafkaException(KafkaError(code)))
        return dict.fromkeys(names, done)

    def list_topics(self, timeout: float) -> None:
        self.looked += 1
        if self.looked == 1:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))


@pytest.mark.parametrize("last", [None, KafkaError.UNKNOWN_TOPIC_OR_PART])
def test_another_controller_is_asked(last: int | None) -> None:
    client = Client(NOT_CONTROLLER, NOT_CONTROLLER, last)
    assert remove_topic(client, "t", 20) == ""
    assert (client.errors, client.looked) == ([], 2)


def test_a_refusal_is_told_at_once_and_a_controller_is_not_looked_for_without_end() -> None:
    said = remove_topic(Client(KafkaError.TOPIC_AUTHORIZATION_FAILED), "t", 20)
    assert said.startswith("topic t could not be removed (")
    assert remove_topic(Client(*[NOT_CONTROLLER] * 100), "t", 0.3).startswith("topic t could not be removed")
