//! The end of what a command says.

use std::collections::VecDeque;

/// The end of an output, in so many bytes at the most.
#[derive(Debug)]
pub struct Tail {
    bytes: VecDeque<u8>,
    max: usize,
    /// The size of the whole output, in bytes.
    all: usize,
}

impl Tail {
    /// Keeps the last `max` bytes. One that keeps nothing counts nothing either.
    pub fn new(max: usize) -> Self {
        Self { bytes: VecDeque::new(), max, all: 0 }
    }

    /// Takes what comes next.
    pub fn add(&mut self, bytes: &[u8]) {
        if self.max > 0 {
            self.all = self.all.saturating_add(bytes.len());
        }
        self.bytes.extend(&bytes[bytes.len().saturating_sub(self.max)..]);
        let excess = self.bytes.len().saturating_sub(self.max);
        self.bytes.drain(..excess);
    }

    /// It as text. A byte that is none becomes a sign of three, and still the end is kept.
    pub fn text(&self) -> String {
        let bytes: Vec<_> = self.bytes.iter().copied().collect();
        // The cut may have gone through a character.
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim_start_matches('\u{fffd}');
        text[text.ceil_char_boundary(text.len().saturating_sub(self.max))..].to_owned()
    }

    /// Its last `max` bytes as they are, and how many there were before them. A cut goes
    /// through no character.
    pub fn end(&self, max: usize) -> (Vec<u8>, usize) {
        let excess = self.bytes.len().saturating_sub(max);
        let mut end: Vec<_> = self.bytes.range(excess..).copied().collect();
        if end.len() < self.all {
            // What goes on with a character of UTF-8, which has four bytes at the most.
            let rest = end.iter().take(3).take_while(|byte| **byte & 0xc0 == 0x80).count();
            end.drain(..rest);
        }
        let left_out = self.all - end.len();
        (end, left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: usize = 3_000;

    fn tail(pieces: &[&[u8]]) -> Tail {
        let mut tail = Tail::new(MAX);
        pieces.iter().for_each(|piece| tail.add(piece));
        tail
    }

    #[test]
    fn the_end_of_an_output_is_kept_whatever_it_is_made_of() {
        let text = |pieces: &[&[u8]]| tail(pieces).text();
        assert_eq!(text(&[b"one\n", b"two\n"]), "one\ntwo\n");
        let long = "0123456789".repeat(1_000);
        let kept = text(&[b"beginning", long.as_bytes(), b"end"]);
        assert_eq!((kept.len(), &kept[kept.len() - 6..]), (MAX, "789end"));
        assert_eq!(text(&[long.as_bytes()]).len(), MAX);
        // A cut through a character leaves no trace of it.
        let umlauts = text(&["ü".repeat(2_000).as_bytes(), b"!"]);
        assert_eq!(umlauts, "ü".repeat(1_499) + "!");
        // What is no text grows when it is shown, and what comes last is still there.
        let kept = text(&[&b"a\x80".repeat(2_000), b"the end"]);
        assert!(kept.len() <= MAX && kept.ends_with("the end"), "{kept:?}");
        assert_eq!(text(&[b"a", &[0xff], b"b"]), "a\u{fffd}b");
    }

    #[test]
    fn an_end_is_handed_out_byte_for_byte_and_what_is_before_it_is_counted() {
        assert_eq!(tail(&[b"a\xff", b"b"]).end(MAX), (b"a\xffb".to_vec(), 0));
        assert_eq!(tail(&[b"0123", b"45"]).end(2), (b"45".to_vec(), 4));
        assert_eq!(tail(&[&[b'x'; 5_000]]).end(10), (vec![b'x'; 10], 4_990));
        assert_eq!(tail(&["aüb".as_bytes()]).end(2), (b"b".to_vec(), 3));
        // A whole output begins as it began.
        assert_eq!(tail(&[b"\x80\x80a"]).end(3), (b"\x80\x80a".to_vec(), 0));
        assert_eq!(tail(&[b"abc"]).end(0), (Vec::new(), 3));
    }

    #[test]
    fn what_keeps_nothing_counts_nothing() {
        let mut tail = Tail::new(0);
        tail.add(b"secret");
        assert_eq!((tail.text(), tail.end(9)), (String::new(), (Vec::new(), 0)));
    }
}
