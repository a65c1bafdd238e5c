//! Room for the bodies of callers who have proven nothing so far.
//!
//! A signature can be checked only once all of a body is there, so strangers have what they
//! send held for them. All of it together is held up to a limit. Beyond that whoever has been
//! sending longest loses its place: honest callers are done within moments, and whoever would
//! keep them out has to send more than the limit within these moments, not once.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// What is held of bodies that are under way.
#[derive(Debug)]
pub(super) struct Room {
    /// So many bytes at most.
    max: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    bytes: usize,
    /// Numbers the bodies in the order in which they came.
    came: u64,
    bodies: BTreeMap<u64, Body>,
}

#[derive(Debug)]
struct Body {
    bytes: usize,
    /// Tells by its end that the place is lost.
    _place: oneshot::Sender<()>,
}

/// The place of one body. It is given back with this.
#[derive(Debug)]
pub(super) struct Place<'r> {
    room: &'r Room,
    number: u64,
    lost: oneshot::Receiver<()>,
}

impl Room {
    pub(super) fn new(max: usize) -> Self {
        Self { max, held: Mutex::default() }
    }

    /// A place for a body that has just begun.
    pub(super) fn enter(&self) -> Place<'_> {
        let (place, lost) = oneshot::channel();
        let mut held = self.held();
        held.came += 1;
        let number = held.came;
        held.bodies.insert(number, Body { bytes: 0, _place: place });
        drop(held);
        Place { room: self, number, lost }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // Nothing in here can panic between two changes.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place<'_> {
    /// Takes room for so many more bytes. Where there is none, whoever came first loses its
    /// place, which may be this one.
    pub(super) fn take(&self, bytes: usize) {
        let mut held = self.room.held();
        let Some(body) = held.bodies.get_mut(&self.number) else { return };
        body.bytes += bytes;
        held.bytes += bytes;
        while held.bytes > self.room.max {
            let Some((_, oldest)) = held.bodies.pop_first() else { break };
            held.bytes -= oldest.bytes;
        }
    }

    /// Resolves when the place is lost.
    pub(super) async fn lost(&mut self) {
        // Nothing is ever sent: the other end is dropped.
        drop((&mut self.lost).await);
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut held = self.room.held();
        if let Some(body) = held.bodies.remove(&self.number) {
            held.bytes -= body.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_lost(place: &mut Place<'_>) -> bool {
        place.lost.try_recv() == Err(oneshot::error::TryRecvError::Closed)
    }

    #[test]
    fn whoever_came_first_makes_room_and_no_more_than_is_needed() {
        let room = Room::new(10);
        let mut places = [room.enter(), room.enter(), room.enter()];
        places[1].take(6);
        places[0].take(4);
        assert!(!places.iter_mut().any(is_lost), "all of it may be taken");
        places[2].take(1);
        assert_eq!(places.each_mut().map(is_lost), [true, false, false]);
        places[2].take(3);
        assert_eq!(places.each_mut().map(is_lost), [true, false, false]);
        // Who has lost its place takes nothing from others.
        places[0].take(100);
        assert_eq!(places.each_mut().map(is_lost), [true, false, false]);
    }

    #[test]
    fn what_is_given_back_can_be_taken_and_one_alone_has_no_more_than_there_is() {
        let room = Room::new(10);
        drop({
            let place = room.enter();
            place.take(10);
            place
        });
        let mut place = room.enter();
        place.take(10);
        assert!(!is_lost(&mut place));
        place.take(1);
        assert!(is_lost(&mut place));
        drop(place);
        let held = room.held();
        assert_eq!((held.bytes, held.bodies.len()), (0, 0));
    }
}
