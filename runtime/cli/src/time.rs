//! Times as people and geth's file names write them. Calendar arithmetic only; always UTC.

/// A moment in the proleptic Gregorian calendar, in UTC.
struct Civil {
    year: u64,
    month: u64,
    day: u64,
    hour: u64,
    minute: u64,
    second: u64,
}

/// Days in 400 years, after which the calendar repeats.
const ERA: u64 = 146_097;
/// Days from 0000-03-01 to 1970-01-01.
const EPOCH: u64 = 719_468;

/// Counts years from March, so that the leap day is the last day of a year.
fn civil(seconds: u64) -> Civil {
    let (days, rest) = (seconds / 86_400 + EPOCH, seconds % 86_400);
    let (era, day_of_era) = (days / ERA, days % ERA);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    Civil {
        year: era * 400 + year_of_era + u64::from(month <= 2),
        month,
        day: day_of_year - (153 * month_from_march + 2) / 5 + 1,
        hour: rest / 3_600,
        minute: rest % 3_600 / 60,
        second: rest % 60,
    }
}

/// `2026-11-21 22:08:58 UTC`, from seconds since 1970.
pub fn display(seconds: u64) -> String {
    let Civil { year, month, day, hour, minute, second } = civil(seconds);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

/// `2026-11-21T22-08-58.000000000Z`, as geth writes times in names of key files.
pub fn in_file_name(since_1970: std::time::Duration) -> String {
    let Civil { year, month, day, hour, minute, second } = civil(since_1970.as_secs());
    let nanos = since_1970.subsec_nanos();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}-{minute:02}-{second:02}.{nanos:09}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_399, "2000-02-28 23:59:59 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (951_868_800, "2000-03-01 00:00:00 UTC"),
            (1_000_000_000, "2001-09-09 01:46:40 UTC"),
            (4_102_444_799, "2099-12-31 23:59:59 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
        ] {
            assert_eq!(display(seconds), text);
        }
        let moment = std::time::Duration::new(1_000_000_000, 5);
        assert_eq!(in_file_name(moment), "2001-09-09T01-46-40.000000005Z");
    }
}
