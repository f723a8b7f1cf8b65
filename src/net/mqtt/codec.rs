//! Reads and writes packets. A message that is too long is read to its end and dropped, so that it
//! costs one message and not the connection.

use bytes::{Buf as _, Bytes, BytesMut};
use rumqttc::mqttbytes::{Error, qos};
use rumqttc::{Packet, Publish, QoS};
use tokio_util::codec::{Decoder, Encoder};

use crate::limits::MQTT_PACKET_BYTES_MAX;

/// The first four bits of a packet that is a message.
const PUBLISH: u8 = 3;

/// A packet from the broker.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) packet: Packet,
    /// Bytes of a message's payload that were dropped.
    pub(super) dropped: usize,
}

#[derive(Debug, Default)]
pub(super) struct Codec {
    dropping: Option<Dropping>,
}

/// A message whose payload is being dropped.
#[derive(Debug)]
struct Dropping {
    /// The message without its payload.
    publish: Publish,
    bytes: usize,
    left: usize,
}

impl Decoder for Codec {
    type Item = Received;
    type Error = Error;

    fn decode(&mut self, from: &mut BytesMut) -> Result<Option<Received>, Error> {
        if self.dropping.is_none() {
            match Packet::read(from, MQTT_PACKET_BYTES_MAX) {
                Ok(packet) => return Ok(Some(Received { packet, dropped: 0 })),
                Err(Error::InsufficientBytes(missing)) => {
                    from.reserve(missing);
                    return Ok(None);
                }
                Err(Error::PayloadSizeLimitExceeded(length)) => {
                    self.dropping = Dropping::start(from, length)?;
                }
                Err(error) => return Err(error),
            }
        }
        let Some(dropping) = &mut self.dropping else { return Ok(None) };
        let here = from.len().min(dropping.left);
        from.advance(here);
        dropping.left -= here;
        if dropping.left > 0 {
            return Ok(None);
        }
        let done = self.dropping.take();
        Ok(done.map(|Dropping { publish, bytes, .. }| Received {
            packet: Packet::Publish(publish),
            dropped: bytes,
        }))
    }
}

impl Dropping {
    /// Takes the head of a packet of this length, as soon as it is there. Only a message may be
    /// that long.
    fn start(from: &mut BytesMut, length: usize) -> Result<Option<Self>, Error> {
        let first = from[0];
        if first >> 4 != PUBLISH {
            return Err(Error::PayloadSizeLimitExceeded(length));
        }
        let fixed = 1 + from[1..].iter().take_while(|byte| **byte & 0x80 != 0).count() + 1;
        let qos = qos((first & 0b0110) >> 1)?;
        let mut head = &from[fixed..];
        let Some(topic_length) = head.try_get_u16().ok().map(usize::from) else {
            return Ok(None);
        };
        let id_length = if qos == QoS::AtMostOnce { 0 } else { 2 };
        if head.len() < topic_length + id_length {
            from.reserve(topic_length + id_length);
            return Ok(None);
        }
        let topic = std::str::from_utf8(&head[..topic_length]).map_err(|_| Error::TopicNotUtf8)?;
        let topic = topic.to_owned();
        head.advance(topic_length);
        let pkid = if id_length > 0 { head.get_u16() } else { 0 };
        if id_length > 0 && pkid == 0 {
            return Err(Error::PacketIdZero);
        }
        let (dup, retain) = (first & 0b1000 != 0, first & 1 != 0);
        let publish = Publish { dup, qos, retain, topic, pkid, payload: Bytes::new() };
        let head = 2 + topic_length + id_length;
        from.advance(fixed + head);
        let bytes = length - head;
        Ok(Some(Self { publish, bytes, left: bytes }))
    }
}

impl Encoder<Packet> for Codec {
    type Error = Error;

    fn encode(&mut self, packet: Packet, to: &mut BytesMut) -> Result<(), Error> {
        packet.write(to, MQTT_PACKET_BYTES_MAX).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(payload: usize) -> BytesMut {
        let mut publish = Publish::new("a/b", QoS::AtLeastOnce, vec![7; payload]);
        (publish.pkid, publish.retain) = (9, true);
        let mut bytes = BytesMut::new();
        Packet::Publish(publish).write(&mut bytes, usize::MAX).unwrap();
        bytes
    }

    /// Decodes what arrives in chunks, and says how much was buffered at most.
    fn decode(arriving: &[u8], chunk: usize) -> (Vec<Received>, usize) {
        let (mut codec, mut buffer) = (Codec::default(), BytesMut::new());
        let (mut received, mut most) = (Vec::new(), 0);
        for chunk in arriving.chunks(chunk) {
            buffer.extend_from_slice(chunk);
            most = most.max(buffer.len());
            while let Some(next) = codec.decode(&mut buffer).unwrap() {
                received.push(next);
            }
        }
        (received, most)
    }

    #[test]
    fn a_message_of_any_size_is_followed_by_the_next_one() {
        let too_long = MQTT_PACKET_BYTES_MAX + 1;
        let arriving = [message(too_long), message(4), message(3 << 20), message(5)].concat();
        for chunk in [1, 3, 4_096, usize::MAX] {
            let (received, most) = decode(&arriving, chunk);
            let figures: Vec<_> = received.iter().map(figures).collect();
            assert_eq!(figures, [(0, too_long), (4, 0), (0, 3 << 20), (5, 0)], "in {chunk}");
            assert!(chunk > 4_096 || most < 2 * 4_096, "{most} bytes were buffered");
        }
    }

    fn figures(received: &Received) -> (usize, usize) {
        let Packet::Publish(publish) = &received.packet else { panic!("{received:?}") };
        assert_eq!((publish.topic.as_str(), publish.pkid, publish.retain), ("a/b", 9, true));
        (publish.payload.len(), received.dropped)
    }

    #[test]
    fn only_a_message_may_be_too_long() {
        let mut arriving = message(MQTT_PACKET_BYTES_MAX);
        arriving[0] = 0x90;
        assert!(Codec::default().decode(&mut arriving).is_err());
    }
}
