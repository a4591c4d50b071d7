//! What a run does, as text: a plan can be printed, shortened, and kept as a test.

use core::fmt;
use core::str::FromStr;

use forebay_log::Durability;

use crate::chance::Stream;
use crate::disk::Fault;

macro_rules! verbs {
    ($($(#[doc = $doc:literal])* $verb:ident = $name:literal,)*) => {
        /// What a step does. Its numbers mean what the comments say; all are brought into bounds.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Verb {
            $($(#[doc = $doc])* $verb,)*
        }

        impl Verb {
            const fn name(self) -> &'static str {
                match self { $(Self::$verb => $name,)* }
            }

            fn of(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$verb),)* _ => None }
            }
        }
    };
}

verbs! {
    /// Hand in a batch: a log, a partition, 10,000 × bytes an event + events.
    Append = "append",
    /// So many large batches, each in a round of its own, so that a journal file fills: a log, a partition, batches.
    Burst = "burst",
    /// A commit round.
    Round = "round",
    /// The commit thread has been idle.
    Idle = "idle",
    /// The background does what is due.
    Background = "background",
    /// Milliseconds go by.
    Advance = "advance",
    /// The wall clock jumps by so many minutes.
    Jump = "jump",
    /// Read a partition: a log, a partition.
    Read = "read",
    /// Trim a partition: a log, a partition, percent of what is there.
    Trim = "trim",
    /// Write behind and expire now.
    Maintain = "maintain",
    /// Let go of cached events.
    Evict = "evict",
    /// Make a log: partitions, hours of retention (0: unlimited).
    Create = "create",
    /// Give a log one more partition: a log.
    Grow = "grow",
    /// Delete a log: a log.
    Delete = "delete",
    /// Append to the control log: entries.
    Control = "control",
    /// Put a snapshot of the control log.
    Snapshot = "snapshot",
    /// Truncate the control log below the second-newest snapshot.
    Truncate = "truncate",
    /// The process is killed; in the recovery, a further kill after so many operations (0: none).
    Kill = "kill",
    /// Power is lost; in the recovery, it is lost again after so many operations (0: none).
    Cut = "cut",
    /// A clean stop and start.
    Close = "close",
    /// Arm a fault: its number in [`Fault::ALL`], operations before it strikes.
    Fault = "fault",
    /// The disk is full (1) or has room again (0).
    Full = "full",
    /// The process is killed, a bit of an acknowledged round rots in the journal, and the run ends with the next start:
    /// rounds from the end, where (0: in the round's header, else in that batch), the bit.
    Rot = "rot",
    /// A commit round runs in the middle of a later operation of another thread: operations before it.
    Meanwhile = "meanwhile",
}

/// A step of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// What it does.
    pub verb: Verb,
    /// With which numbers.
    pub numbers: [u64; 3],
}

/// A whole run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Where the disk's chance comes from.
    pub seed: u64,
    /// When appends are acknowledged.
    pub durability: Durability,
    /// The steps, in order.
    pub steps: Vec<Step>,
}

/// How often each verb comes, relative to the others.
const WEIGHTS: &[(u64, Verb)] = &[
    (30, Verb::Append),
    (3, Verb::Burst),
    (22, Verb::Round),
    (5, Verb::Idle),
    (8, Verb::Background),
    (8, Verb::Advance),
    (1, Verb::Jump),
    (4, Verb::Read),
    (3, Verb::Trim),
    (5, Verb::Maintain),
    (4, Verb::Evict),
    (1, Verb::Create),
    (1, Verb::Grow),
    (1, Verb::Delete),
    (4, Verb::Control),
    (2, Verb::Snapshot),
    (1, Verb::Truncate),
    (2, Verb::Kill),
    (5, Verb::Cut),
    (1, Verb::Close),
    (14, Verb::Fault),
    (2, Verb::Full),
    (4, Verb::Meanwhile),
];

const WAITS_MS: [u64; 6] = [50, 300, 1_100, 31_000, 61_000, 1_300_000];

impl Plan {
    /// The plan that follows from a seed.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        let mut chance = Stream::salted(seed, "plan");
        let durability = match chance.below(20) {
            0..6 => Durability::Os,
            6 => Durability::Memory,
            _ => Durability::Disk,
        };
        let count = 50 + chance.below(180);
        let total: u64 = WEIGHTS.iter().map(|(weight, _)| weight).sum();
        let mut steps: Vec<Step> = (0..count)
            .map(|_| {
                let mut at = chance.below(total);
                let verb = WEIGHTS.iter().find(|(weight, _)| {
                    let found = at < *weight;
                    at = at.saturating_sub(*weight);
                    found
                });
                let verb = verb.map_or(Verb::Round, |(_, verb)| *verb);
                Step { verb, numbers: numbers(verb, &mut chance) }
            })
            .collect();
        if chance.happens(30) {
            steps.push(Step {
                verb: Verb::Rot,
                numbers: [chance.below(4), chance.below(4), chance.below(10_000)],
            });
        }
        Self { seed, durability, steps }
    }
}

fn numbers(verb: Verb, chance: &mut Stream) -> [u64; 3] {
    let (log, partition) = (chance.below(4), chance.below(3));
    // Most faults strike soon: what comes later meets a restart first.
    let after = |chance: &mut Stream| match chance.below(3) {
        0 => chance.below(3),
        1 => chance.below(12),
        _ => chance.below(40),
    };
    match verb {
        Verb::Append => {
            let bytes = if chance.happens(20) { 1_000 + chance.below(1_500) } else { 10 + chance.below(300) };
            [log, partition, bytes * 10_000 + 1 + chance.below(4)]
        }
        Verb::Burst => [log, partition, 1 + chance.below(7)],
        Verb::Advance => [WAITS_MS[chance.index(WAITS_MS.len())], 0, 0],
        Verb::Jump => [[10, 300, 26 * 60, 3 * 24 * 60][chance.index(4)], 0, 0],
        Verb::Read => [log, partition, 0],
        Verb::Trim => [log, partition, chance.below(101)],
        Verb::Create => [1 + chance.below(3), chance.below(3), 0],
        Verb::Grow | Verb::Delete => [log, 0, 0],
        Verb::Control => [1 + chance.below(3), 0, 0],
        Verb::Kill | Verb::Cut => [if chance.happens(35) { 1 + after(chance) } else { 0 }, 0, 0],
        Verb::Fault => [chance.below(Fault::ALL.len() as u64), after(chance), 0],
        Verb::Full => [u64::from(chance.happens(40)), 0, 0],
        Verb::Meanwhile => [chance.below(12), 0, 0],
        _ => [0; 3],
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.verb.name())?;
        let used = self.numbers.iter().rposition(|number| *number != 0).map_or(0, |last| last + 1);
        self.numbers.iter().take(used).try_for_each(|number| write!(f, " {number}"))
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.seed, self.durability)?;
        self.steps.iter().try_for_each(|step| write!(f, "; {step}"))
    }
}

impl FromStr for Step {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut words = text.split_whitespace();
        let name = words.next().ok_or("a step without a verb")?;
        let verb = Verb::of(name).ok_or_else(|| format!("no such verb: {name}"))?;
        let mut numbers = [0; 3];
        for (at, word) in words.enumerate() {
            let number = numbers.get_mut(at).ok_or_else(|| format!("too many numbers: {text}"))?;
            *number = word.parse().map_err(|_| format!("{word} is no number"))?;
        }
        Ok(Self { verb, numbers })
    }
}

impl FromStr for Plan {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split(';');
        let head: Vec<&str> = parts.next().unwrap_or_default().split_whitespace().collect();
        let [seed, durability] = head.as_slice() else { return Err("a plan begins: SEED LEVEL".into()) };
        let durability = match *durability {
            "disk" => Durability::Disk,
            "os" => Durability::Os,
            "memory" => Durability::Memory,
            other => return Err(format!("no such level: {other}")),
        };
        let seed = seed.parse().map_err(|_| format!("{seed} is no number"))?;
        let steps = parts.map(str::parse).collect::<Result<_, _>>()?;
        Ok(Self { seed, durability, steps })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_comes_back_from_its_text() {
        for seed in 0..20 {
            let plan = Plan::of(seed);
            assert_eq!(plan.to_string().parse::<Plan>().as_ref(), Ok(&plan));
        }
        assert!("1 disk; fly".parse::<Plan>().is_err());
        assert!("1 disk; round 1 2 3 4".parse::<Plan>().is_err());
    }
}
