//! Whether the wall clock may be trusted to expire events.

use crate::planted::{self, Bug};
use crate::types::{Millis, MonoMillis, WallMillis};

/// A step of the wall clock against the monotonic one that counts as a jump.
const JUMP_MS: i64 = 5 * 60 * 1000;
/// How long expiry rests after a jump forward, in running time.
const PAUSE: Millis = Millis::from_secs(3600);
/// A jump forward beyond this rests expiry until the clocks agree again.
const JUMP_MS_MAX: i64 = 30 * 24 * 3600 * 1000;
/// A start so much later than the last sign of life counts as a jump.
const START_MS: i64 = 24 * 3600 * 1000;

/// Compares two clocks.
#[derive(Debug, Clone)]
pub(crate) struct ClockWatch {
    distrust: bool,
    last: Option<(WallMillis, MonoMillis)>,
    /// How far the wall clock has run away, while that is too far to believe.
    away_ms: i64,
    paused_until: Option<MonoMillis>,
}

/// What expiry may do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Go on.
    Expire,
    /// Rest until the monotonic clock says this.
    Until(MonoMillis),
    /// Rest until the clocks agree again.
    Disagree,
}

impl ClockWatch {
    /// A watch for a log whose last known wall time was `before`, started at `now`.
    pub(crate) fn new(
        distrust: bool,
        before: Option<WallMillis>,
        longest_retention: Millis,
        wall: WallMillis,
        mono: MonoMillis,
    ) -> Self {
        let mut watch = Self { distrust, last: Some((wall, mono)), away_ms: 0, paused_until: None };
        if let Some(before) = before.filter(|_| distrust) {
            let step = wall.0.saturating_sub(before.0);
            let most = START_MS.max(i64::try_from(longest_retention.0).unwrap_or(i64::MAX));
            if step > most {
                watch.paused_until = Some(MonoMillis(mono.0.saturating_add(PAUSE.0)));
            } else if step < -JUMP_MS {
                watch.away_ms = step;
            }
        }
        watch
    }

    /// Both clocks, read now: may events expire?
    pub(crate) fn look(&mut self, wall: WallMillis, mono: MonoMillis) -> Trust {
        let distrust = self.distrust && !planted::is(Bug::ExpireOnClockJump);
        if let Some((last_wall, last_mono)) = self.last.replace((wall, mono)).filter(|_| distrust) {
            let ran = i64::try_from(mono.since(last_mono).0).unwrap_or(i64::MAX);
            let step = wall.0.saturating_sub(last_wall.0).saturating_sub(ran);
            if self.away_ms != 0 || !(-JUMP_MS..=JUMP_MS_MAX).contains(&step) {
                self.away_ms = self.away_ms.saturating_add(step);
            } else if step > JUMP_MS {
                self.paused_until = Some(MonoMillis(mono.0.saturating_add(PAUSE.0)));
            }
        }
        if self.away_ms.abs() > JUMP_MS {
            return Trust::Disagree;
        }
        self.away_ms = 0;
        match self.paused_until {
            Some(until) if mono < until => Trust::Until(until),
            _ => {
                self.paused_until = None;
                Trust::Expire
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;
    const DAY: i64 = 24 * HOUR;

    fn watch() -> ClockWatch {
        ClockWatch::new(true, None, Millis(0), WallMillis(0), MonoMillis(0))
    }

    fn look(watch: &mut ClockWatch, wall: i64, mono: i64) -> Trust {
        watch.look(WallMillis(wall), MonoMillis(mono as u64))
    }

    #[test]
    fn clocks_that_agree_expire_however_long_nobody_looked() {
        let mut watch = watch();
        assert_eq!(look(&mut watch, HOUR, HOUR), Trust::Expire);
        assert_eq!(look(&mut watch, 90 * DAY, 90 * DAY + JUMP_MS), Trust::Expire);
    }

    #[test]
    fn a_jump_forward_rests_expiry_for_an_hour_of_running_time() {
        let mut watch = watch();
        let until = MonoMillis(1000 + HOUR as u64);
        assert_eq!(look(&mut watch, DAY, 1000), Trust::Until(until));
        assert_eq!(look(&mut watch, DAY + HOUR / 2, 1000 + HOUR / 2), Trust::Until(until));
        assert_eq!(look(&mut watch, DAY + HOUR, 1000 + HOUR), Trust::Expire);
    }

    #[test]
    fn a_wild_or_backward_jump_rests_expiry_until_the_clocks_agree() {
        for jump in [40 * DAY, -HOUR] {
            let mut watch = watch();
            assert_eq!(look(&mut watch, jump, 0), Trust::Disagree);
            assert_eq!(look(&mut watch, jump + DAY, DAY), Trust::Disagree);
            assert_eq!(look(&mut watch, 2 * DAY, 2 * DAY), Trust::Expire);
        }
    }

    #[test]
    fn a_start_long_after_the_last_sign_of_life_rests_expiry() {
        let start = |before, retention| {
            ClockWatch::new(
                true,
                Some(WallMillis(before)),
                Millis(retention),
                WallMillis(10 * DAY),
                MonoMillis(0),
            )
            .look(WallMillis(10 * DAY), MonoMillis(0))
        };
        assert_eq!(start(10 * DAY - HOUR, 0), Trust::Expire);
        assert_eq!(start(8 * DAY, 0), Trust::Until(MonoMillis(HOUR as u64)));
        assert_eq!(start(8 * DAY, 3 * DAY as u64), Trust::Expire, "within one retention period");
        assert_eq!(start(11 * DAY, 0), Trust::Disagree);
    }

    #[test]
    fn a_developers_server_believes_its_clock() {
        let mut watch =
            ClockWatch::new(false, Some(WallMillis(0)), Millis(0), WallMillis(90 * DAY), MonoMillis(0));
        assert_eq!(look(&mut watch, 0, 0), Trust::Expire);
    }
}
