//! A bounded queue that takes turns between groups of clients, and within a group between smaller groups or
//! clients.

use std::collections::VecDeque;

/// The place of a job in a [`FairQueue`]: the names of the groups that contain the client, such as its
/// networks, the largest first, and of the client.
pub(super) type QueuePath = Vec<String>;

/// Jobs by group and client. The next job is taken from the group, and in it from the smaller group and the
/// client, whose turn was longest ago. If the queue is full, a job of a group with fewer jobs replaces the newest
/// job of the group with the most, so that one group cannot fill the queue for the others.
pub(super) struct FairQueue<J> {
    all: Group<J>,
    capacity: usize,
}

/// A group, or a client, which has no smaller groups.
struct Group<J> {
    name: String,
    /// In the order of their turns; none is empty.
    groups: VecDeque<Group<J>>,
    /// The jobs of a client.
    jobs: VecDeque<J>,
    /// How many jobs it and its groups have.
    len: usize,
}

impl<J> Group<J> {
    fn new(name: String) -> Self {
        Self {
            name,
            groups: VecDeque::new(),
            jobs: VecDeque::new(),
            len: 0,
        }
    }

    fn push(&mut self, path: &[String], job: J) {
        self.len += 1;
        let Some((name, rest)) = path.split_first() else {
            return self.jobs.push_back(job);
        };
        let at = self.groups.iter().position(|group| group.name == *name);
        let at = at.unwrap_or_else(|| {
            self.groups.push_back(Self::new(name.clone()));
            self.groups.len() - 1
        });
        self.groups[at].push(rest, job);
    }

    fn pop(&mut self) -> Option<J> {
        let job = match self.groups.pop_front() {
            Some(mut group) => {
                let job = group.pop();
                if group.len > 0 {
                    self.groups.push_back(group);
                }
                job
            }
            None => self.jobs.pop_front(),
        };
        self.len -= usize::from(job.is_some());
        job
    }

    /// Removes a job in favour of one with this path: the newest of the group with the most jobs, if that one
    /// has at least two more than the path's own group, or else within the own group.
    fn remove_for(&mut self, path: &[String]) -> Option<J> {
        let (name, rest) = path.split_first()?;
        let own = self.groups.iter().position(|group| group.name == *name);
        let own_len = own.map_or(0, |at| self.groups[at].len);
        let job = match self.largest_group() {
            Some(at) if self.groups[at].len > own_len + 1 => self.groups[at].remove_newest(),
            _ => self.groups[own?].remove_for(rest),
        };
        self.removed(job)
    }

    /// Removes the newest job of the client with the most jobs, in the largest groups.
    fn remove_newest(&mut self) -> Option<J> {
        let job = match self.largest_group() {
            Some(at) => self.groups[at].remove_newest(),
            None => self.jobs.pop_back(),
        };
        self.removed(job)
    }

    fn removed(&mut self, job: Option<J>) -> Option<J> {
        self.groups.retain(|group| group.len > 0);
        self.len -= usize::from(job.is_some());
        job
    }

    /// The place of the group with the most jobs, of several the one whose turn is first.
    fn largest_group(&self) -> Option<usize> {
        let most = self.groups.iter().map(|group| group.len).max()?;
        self.groups.iter().position(|group| group.len == most)
    }
}

impl<J> FairQueue<J> {
    /// An empty queue for at most `capacity` jobs.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            all: Group::new(String::new()),
            capacity,
        }
    }

    /// Adds a job. Returns the job that does not fit: another one, or, as an error, this one.
    pub(super) fn push(&mut self, path: &[String], job: J) -> Result<Option<J>, J> {
        let mut replaced = None;
        if self.all.len >= self.capacity {
            match self.all.remove_for(path) {
                Some(other) => replaced = Some(other),
                None => return Err(job),
            }
        }
        self.all.push(path, job);
        Ok(replaced)
    }

    /// Takes the next job.
    pub(super) fn pop(&mut self) -> Option<J> {
        self.all.pop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path<const N: usize>(names: [&str; N]) -> QueuePath {
        names.map(ToOwned::to_owned).to_vec()
    }

    fn rest(queue: &mut FairQueue<&'static str>) -> Vec<&'static str> {
        std::iter::from_fn(|| queue.pop()).collect()
    }

    #[test]
    fn groups_and_their_clients_take_turns() {
        let mut queue = FairQueue::new(10);
        for (group, client, job) in [
            ("a", "1", "a1 first"),
            ("a", "1", "a1 second"),
            ("a", "1", "a1 third"),
            ("a", "2", "a2"),
            ("b", "1", "b1 first"),
            ("b", "1", "b1 second"),
            ("c", "1", "c1"),
        ] {
            assert_eq!(queue.push(&path([group, client]), job), Ok(None));
        }
        assert_eq!(
            rest(&mut queue),
            [
                "a1 first",
                "b1 first",
                "c1",
                "a2",
                "b1 second",
                "a1 second",
                "a1 third"
            ]
        );
        assert_eq!(queue.all.len, 0);
    }

    #[test]
    fn a_group_cannot_fill_the_queue_for_another_one() {
        let mut queue = FairQueue::new(3);
        for job in ["first", "second", "third"] {
            assert_eq!(queue.push(&path(["a", "1"]), job), Ok(None));
        }
        assert_eq!(queue.push(&path(["a", "1"]), "fourth"), Err("fourth"));
        assert_eq!(queue.push(&path(["b", "1"]), "b"), Ok(Some("third")));
        assert_eq!(queue.push(&path(["b", "1"]), "b again"), Err("b again"));
        assert_eq!(queue.push(&path(["a", "1"]), "fourth"), Err("fourth"));
        assert_eq!(queue.push(&path(["c", "1"]), "c"), Ok(Some("second")));
        assert_eq!(queue.push(&path(["d", "1"]), "d"), Err("d"), "one job each");
        assert_eq!(rest(&mut queue), ["first", "b", "c"]);
    }

    #[test]
    fn a_client_cannot_fill_the_queue_for_another_one_of_its_group() {
        let mut queue = FairQueue::new(3);
        for job in ["first", "second", "third"] {
            assert_eq!(queue.push(&path(["a", "1"]), job), Ok(None));
        }
        assert_eq!(queue.push(&path(["a", "2"]), "other"), Ok(Some("third")));
        assert_eq!(queue.push(&path(["a", "2"]), "again"), Err("again"));
        assert_eq!(rest(&mut queue), ["first", "other", "second"]);
    }

    #[test]
    fn a_group_of_groups_cannot_fill_the_queue_for_another_one() {
        let mut queue = FairQueue::new(3);
        for (network, job) in [("1", "first"), ("2", "second"), ("3", "third")] {
            assert_eq!(queue.push(&path(["a", network, "1"]), job), Ok(None));
        }
        let push = |queue: &mut FairQueue<_>, names, job| queue.push(&path(names), job);
        assert_eq!(push(&mut queue, ["a", "4", "1"], "fourth"), Err("fourth"));
        assert_eq!(push(&mut queue, ["b", "1", "1"], "b"), Ok(Some("first")));
        assert_eq!(push(&mut queue, ["b", "2", "1"], "again"), Err("again"));
        assert_eq!(push(&mut queue, ["c", "1", "1"], "c"), Ok(Some("second")));
        assert_eq!(rest(&mut queue), ["third", "b", "c"]);
        assert_eq!(queue.all.len, 0);
        assert!(queue.all.groups.is_empty());
    }
}
