//! The date in UTC, so that everyone sees the same image on the same day.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const DAY: u64 = 86_400;

/// The seed of the day: year, month and day as eight digits, 20261201 for the first of December
/// 2026. Before 1970 it is that of the first day of 1970.
#[must_use]
pub fn date_seed(now: SystemTime) -> u64 {
    let days = seconds(now) / DAY;
    // Hinnant, "chrono-compatible low-level date algorithms", civil_from_days, for days from 1970.
    let z = days + 719_468;
    let (era, day_of_era) = (z / 146_097, z % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    year * 10_000 + month * 100 + day
}

/// The time until the date changes.
#[must_use]
pub fn until_tomorrow(now: SystemTime) -> Duration {
    Duration::from_secs(DAY - seconds(now) % DAY)
}

fn seconds(now: SystemTime) -> u64 {
    now.duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        // By `date -u -d @SECONDS +%Y%m%d`.
        for (seconds, date) in [
            (0, 19700101),
            (951_782_399, 20000228),
            (951_782_400, 20000229),
            (951_868_800, 20000301),
            (1_796_083_200, 20261201),
            (1_798_761_599, 20261231),
            (4_107_542_400, 21000301),
        ] {
            let now = UNIX_EPOCH + Duration::from_secs(seconds);
            assert_eq!(date_seed(now), date, "{seconds}");
        }
    }

    #[test]
    fn tomorrow_begins_at_midnight() {
        let at = |seconds| until_tomorrow(UNIX_EPOCH + Duration::from_secs(seconds)).as_secs();
        assert_eq!((at(0), at(DAY - 1), at(DAY + 10)), (DAY, 1, DAY - 10));
    }
}
