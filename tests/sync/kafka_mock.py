"""The mock cluster of librdkafka, whose brokers speak Kafka's protocol on loopback.

Prints the address of a broker, then, for each line of stdin, which names a topic, the records of that
topic as JSON in one line, in the order of each partition. Debian: python3-confluent-kafka.
"""
import json
import sys

from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

BROKERS = 3

producer = Producer({"bootstrap.servers": "", "test.mock.num.brokers": BROKERS})
brokers = producer.list_topics(timeout=10).brokers.values()
address = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
print(address, flush=True)

for line in sys.stdin:
    topic = line.strip()
    partitions = list(producer.list_topics(topic, timeout=10).topics[topic].partitions)
    consumer = Consumer({"bootstrap.servers": address, "group.id": "test", "enable.auto.commit": False,
                         "enable.partition.eof": True})
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions])
    records, left = [], set(partitions)
    while left:
        message = consumer.poll(10)
        if message is None:
            break
        if message.error():
            left.discard(message.partition())
            continue
        records.append({
            "partition": message.partition(),
            "key": message.key().decode(),
            "event": json.loads(message.value()),
            "headers": {name: value.decode() for name, value in message.headers() or []},
        })
    consumer.close()
    print(json.dumps(records), flush=True)
