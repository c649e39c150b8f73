//! A bounded queue that takes turns between groups of clients, and within a group between clients.

use std::collections::VecDeque;

/// The place of a job in a [`FairQueue`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct QueueKey {
    /// The group, such as a large network.
    pub(super) group: String,
    /// The client within the group, such as a small network.
    pub(super) client: String,
}

/// Jobs by group and client. The next job is taken from the group, and in it from the client, whose
/// turn was longest ago. If the queue is full, a job of a group with fewer jobs replaces the newest job
/// of the group with the most, so that one group cannot fill the queue for the others.
pub(super) struct FairQueue<J> {
    groups: VecDeque<Group<J>>,
    len: usize,
    capacity: usize,
}

struct Group<J> {
    name: String,
    clients: VecDeque<Client<J>>,
}

struct Client<J> {
    name: String,
    jobs: VecDeque<J>,
}

impl<J> Group<J> {
    fn len(&self) -> usize {
        self.clients.iter().map(|client| client.jobs.len()).sum()
    }

    fn jobs_of(&self, client: &str) -> usize {
        let client = self.clients.iter().find(|other| other.name == client);
        client.map_or(0, |client| client.jobs.len())
    }

    fn most_jobs_of_a_client(&self) -> usize {
        let lengths = self.clients.iter().map(|client| client.jobs.len());
        lengths.max().unwrap_or_default()
    }
}

impl<J> FairQueue<J> {
    /// An empty queue for at most `capacity` jobs.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            groups: VecDeque::new(),
            len: 0,
            capacity,
        }
    }

    /// Adds a job. Returns the job that does not fit: another one, or, as an error, this one.
    pub(super) fn push(&mut self, key: QueueKey, job: J) -> Result<Option<J>, J> {
        let mut replaced = None;
        if self.len >= self.capacity {
            match self.remove_for(&key) {
                Some(other) => replaced = Some(other),
                None => return Err(job),
            }
        }
        self.len += 1;
        let group = self.group(key.group);
        match group.clients.iter_mut().find(|one| one.name == key.client) {
            Some(client) => client.jobs.push_back(job),
            None => group.clients.push_back(Client {
                name: key.client,
                jobs: VecDeque::from([job]),
            }),
        }
        Ok(replaced)
    }

    /// Takes the next job.
    pub(super) fn pop(&mut self) -> Option<J> {
        let mut group = self.groups.pop_front()?;
        let mut client = group.clients.pop_front()?;
        let job = client.jobs.pop_front();
        if !client.jobs.is_empty() {
            group.clients.push_back(client);
        }
        if !group.clients.is_empty() {
            self.groups.push_back(group);
        }
        self.len -= usize::from(job.is_some());
        job
    }

    /// Removes the newest job of the group with the most jobs, or else of the client with the most jobs
    /// in the same group, if that one has at least two more than `key`.
    fn remove_for(&mut self, key: &QueueKey) -> Option<J> {
        let own = self.groups.iter().find(|group| group.name == key.group);
        let own_jobs = own.map_or(0, Group::len);
        let most = self.groups.iter().map(Group::len).max().unwrap_or_default();
        let at = if most > own_jobs + 1 {
            self.groups.iter().position(|group| group.len() == most)
        } else {
            self.groups.iter().position(|group| {
                group.name == key.group
                    && group.most_jobs_of_a_client() > group.jobs_of(&key.client) + 1
            })
        }?;
        let group = self.groups.get_mut(at)?;
        let most = group.most_jobs_of_a_client();
        let client = group
            .clients
            .iter_mut()
            .find(|client| client.jobs.len() == most)?;
        let removed = client.jobs.pop_back();
        group.clients.retain(|client| !client.jobs.is_empty());
        self.groups.retain(|group| !group.clients.is_empty());
        self.len -= usize::from(removed.is_some());
        removed
    }

    fn group(&mut self, name: String) -> &mut Group<J> {
        let at = self.groups.iter().position(|group| group.name == name);
        let at = at.unwrap_or_else(|| {
            self.groups.push_back(Group {
                name,
                clients: VecDeque::new(),
            });
            self.groups.len() - 1
        });
        &mut self.groups[at]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(group: &str, client: &str) -> QueueKey {
        QueueKey {
            group: group.to_owned(),
            client: client.to_owned(),
        }
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
            assert_eq!(queue.push(key(group, client), job), Ok(None));
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
        assert_eq!(queue.len, 0);
    }

    #[test]
    fn a_group_cannot_fill_the_queue_for_another_one() {
        let mut queue = FairQueue::new(3);
        for job in ["first", "second", "third"] {
            assert_eq!(queue.push(key("a", "1"), job), Ok(None));
        }
        assert_eq!(queue.push(key("a", "1"), "fourth"), Err("fourth"));
        assert_eq!(queue.push(key("b", "1"), "b"), Ok(Some("third")));
        assert_eq!(queue.push(key("b", "1"), "b again"), Err("b again"));
        assert_eq!(queue.push(key("a", "1"), "fourth"), Err("fourth"));
        assert_eq!(queue.push(key("c", "1"), "c"), Ok(Some("second")));
        assert_eq!(queue.push(key("d", "1"), "d"), Err("d"), "one job each");
        assert_eq!(rest(&mut queue), ["first", "b", "c"]);
    }

    #[test]
    fn a_client_cannot_fill_the_queue_for_another_one_of_its_group() {
        let mut queue = FairQueue::new(3);
        for job in ["first", "second", "third"] {
            assert_eq!(queue.push(key("a", "1"), job), Ok(None));
        }
        assert_eq!(queue.push(key("a", "2"), "other"), Ok(Some("third")));
        assert_eq!(queue.push(key("a", "2"), "again"), Err("again"));
        assert_eq!(rest(&mut queue), ["first", "other", "second"]);
    }
}
