"""confluent-kafka-python, which is librdkafka 2.15: all five codecs."""

import os
import sys
import threading

from confluent_kafka import OFFSET_BEGINNING, Consumer, IsolationLevel, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions, NewTopic, OffsetSpec

import scenarios

TIMEOUT_S = 30
ISOLATION = IsolationLevel.READ_UNCOMMITTED


class Client:
    name = "confluent-python"
    codecs = ["none", "gzip", "snappy", "lz4", "zstd"]
    group_modes = [
        "group-range",
        "group-roundrobin",
        "group-cooperative-sticky",
        "group-consumer",
        "group-consumer-range",
    ]

    def __init__(self, bootstrap):
        self.base = {"bootstrap.servers": bootstrap, "client.id": "kedge-confluent", "log_level": 0}
        self.admin = AdminClient(self.base)
        self.idempotent = None

    def create_topic(self, topic, partitions, configs):
        self.admin.create_topics([NewTopic(topic, partitions, config=configs)])[topic].result(TIMEOUT_S)

    def delete_topic(self, topic):
        self.admin.delete_topics([topic])[topic].result(TIMEOUT_S)

    def list_topics(self):
        return list(self.admin.list_topics(timeout=TIMEOUT_S).topics)

    def describe_topic(self, topic):
        partitions = self.admin.list_topics(topic, timeout=TIMEOUT_S).topics[topic].partitions.values()
        return len(partitions), sum(1 for partition in partitions if partition.leader >= 0)

    def topic_config(self, topic, name):
        resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
        return self.admin.describe_configs([resource])[resource].result(TIMEOUT_S)[name].value

    def grow_topic(self, topic, partitions):
        self.admin.create_partitions([NewPartitions(topic, partitions)])[topic].result(TIMEOUT_S)

    def produce(self, topic, records, codec, idempotent):
        producer = self.producer(codec, idempotent)
        errors = []

        def delivered(error, _message):
            if error is not None:
                errors.append(error)

        for record in records:
            producer.produce(
                topic,
                value=scenarios.decode(record["value"]),
                key=scenarios.decode(record["key"]),
                partition=record["partition"],
                timestamp=record["timestampMs"],
                headers=[(name, scenarios.decode(value)) for name, value in record["headers"]],
                on_delivery=delivered,
            )
        left = producer.flush(TIMEOUT_S)
        if errors or left:
            raise RuntimeError(f"{left} records were not sent; {errors[:3]}")

    def producer(self, codec, idempotent):
        """One idempotent producer serves all calls, so that its sequence numbers go on from batch to batch."""
        config = {**self.base, "compression.type": codec, "linger.ms": 20, "acks": "all", "enable.idempotence": idempotent}
        if not idempotent:
            return Producer(config)
        self.idempotent = self.idempotent or Producer(config)
        return self.idempotent

    def read(self, topic, partitions, count):
        consumer = Consumer({**self.base, "group.id": f"{topic}-reader", "enable.auto.commit": False})
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in range(partitions)])
        read = []
        while len(read) < count:
            messages = consumer.consume(count - len(read), timeout=TIMEOUT_S)
            if not messages:
                raise RuntimeError(f"read {len(read)} of {count} records")
            read += [to_wire(message) for message in messages]
        consumer.close()
        return read

    def offsets(self, topic, partitions, at):
        named = {"latest": OffsetSpec.latest, "earliest": OffsetSpec.earliest}
        spec = named[at]() if at in named else OffsetSpec.for_timestamp(at)
        asked = {TopicPartition(topic, partition): spec for partition in range(partitions)}
        found = self.admin.list_offsets(asked, isolation_level=ISOLATION)
        return [found[TopicPartition(topic, partition)].result(TIMEOUT_S).offset for partition in range(partitions)]

    def join(self, group_id, topic, mode):
        return Member(self.base, group_id, topic, mode)

    def transactional(self, transactional_id):
        return Transactional({**self.base, "transactional.id": transactional_id})

    def read_values(self, topic, partitions, count, isolation):
        consumer = Consumer(
            {**self.base, "group.id": f"{topic}-{isolation}", "enable.auto.commit": False, "isolation.level": isolation}
        )
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in range(partitions)])
        values = []
        while True:
            messages = consumer.consume(1000, timeout=TIMEOUT_S if len(values) < count else 0.5)
            if not messages:
                break
            values += [value_of(message) for message in messages]
        consumer.close()
        return values

    def committed_offset(self, group_id, topic):
        consumer = Consumer({**self.base, "group.id": group_id})
        found = consumer.committed([TopicPartition(topic, 0)], TIMEOUT_S)
        consumer.close()
        return found[0].offset

    def copier(self, group_id, topic):
        return Copier(self.base, group_id, topic)

    def close(self):
        pass


class Transactional:
    def __init__(self, config):
        self.config = config
        self.producer = Producer(config)
        self.producer.init_transactions(TIMEOUT_S)

    def begin(self):
        self.producer.begin_transaction()

    def send(self, topic, partition, value):
        self.producer.produce(topic, partition=partition, value=value)
        self.producer.flush(TIMEOUT_S)

    def send_offset(self, group_id, topic, partition, offset):
        consumer = Consumer({"bootstrap.servers": self.config["bootstrap.servers"], "group.id": group_id})
        metadata = consumer.consumer_group_metadata()
        self.producer.send_offsets_to_transaction([TopicPartition(topic, partition, offset)], metadata, TIMEOUT_S)
        consumer.close()

    def send_position(self, copier):
        metadata = copier.consumer.consumer_group_metadata()
        self.producer.send_offsets_to_transaction(copier.position(), metadata, TIMEOUT_S)

    def commit(self):
        self.producer.commit_transaction(TIMEOUT_S)

    def abort(self):
        self.producer.abort_transaction(TIMEOUT_S)

    def close(self):
        pass


class Copier:
    """The consuming side of a copy in transactions."""

    def __init__(self, base, group_id, topic):
        offsets = {"enable.auto.commit": False, "auto.offset.reset": "earliest", "isolation.level": "read_committed"}
        self.consumer = Consumer({**base, **offsets, "group.id": group_id})
        self.consumer.subscribe([topic])

    def take(self, count):
        messages = self.consumer.consume(count, timeout=1)
        while not messages:
            messages = self.consumer.consume(count, timeout=1)
        return [(message.partition(), value_of(message)) for message in messages]

    def position(self):
        held = self.consumer.position(self.consumer.assignment())
        return [partition for partition in held if partition.offset >= 0]

    def rewind(self):
        for partition in self.consumer.committed(self.consumer.assignment(), TIMEOUT_S):
            offset = partition.offset if partition.offset >= 0 else 0
            self.consumer.seek(TopicPartition(partition.topic, partition.partition, offset))

    def close(self):
        self.consumer.close()


def value_of(message):
    if message.error() is not None:
        raise RuntimeError(message.error())
    return message.value().decode()


class Member:
    """A consumer polled by its own thread, since librdkafka rebalances inside poll."""

    def __init__(self, base, group_id, topic, mode):
        group = {"group.id": group_id, **settings_of(mode)}
        self.is_incremental = mode in ("group-cooperative-sticky", "group-consumer", "group-consumer-range")
        offsets = {"enable.auto.commit": False, "auto.offset.reset": "earliest", "fetch.wait.max.ms": 200}
        self.consumer = Consumer({**base, **group, **offsets})
        self.seen = []
        self.held = []
        self.closing = threading.Event()
        self.commits = []
        self.consumer.subscribe([topic], on_assign=self.assigned, on_revoke=self.revoked)
        self.thread = threading.Thread(target=self.poll)
        self.thread.start()

    def assigned(self, _consumer, partitions):
        added = [partition.partition for partition in partitions]
        self.held = sorted({*self.held, *added}) if self.is_incremental else sorted(added)

    def revoked(self, _consumer, partitions):
        gone = [partition.partition for partition in partitions]
        self.held = [one for one in self.held if one not in gone] if self.is_incremental else []

    def poll(self):
        while not self.closing.is_set():
            message = self.consumer.poll(0.05)
            if message is not None and message.error() is None:
                self.seen.append(f"{message.partition()}/{message.offset()}")
        self.consumer.close()

    def assignment(self):
        return self.held

    def commit(self):
        self.consumer.commit(asynchronous=False)

    def close(self):
        self.closing.set()
        self.thread.join()


def settings_of(mode):
    """The coordinator says how long sessions are where it assigns itself."""
    if mode == "group-consumer":
        return {"group.protocol": "consumer"}
    if mode == "group-consumer-range":
        return {"group.protocol": "consumer", "group.remote.assignor": "range"}
    assignor = {} if mode == "group" else {"partition.assignment.strategy": mode.removeprefix("group-")}
    return {"session.timeout.ms": 6000, "heartbeat.interval.ms": 300, **assignor}


def to_wire(message):
    if message.error() is not None:
        raise RuntimeError(message.error())
    timestamp = message.timestamp()[1]
    return scenarios.to_wire(
        message.partition(), message.offset(), timestamp, message.key(), message.value(), message.headers()
    )


if __name__ == "__main__":
    scenarios.run(Client(os.environ["BOOTSTRAP"]), sys.argv[1])
