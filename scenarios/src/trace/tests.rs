use proptest::prelude::*;

use super::*;

fn read(format: TraceFormat, text: &str) -> Result<Vec<u64>, String> {
    let mut reader = TraceReader::new(format);
    for line in text.split_inclusive('\n') {
        reader.line(line.as_bytes()).map_err(|error| error.to_string())?;
    }
    reader.finish().map(|trace| trace.times().collect()).map_err(|error| error.to_string())
}

#[track_caller]
fn csv(text: &str, expected: &[u64]) {
    assert_eq!(read(TraceFormat::Csv, text).unwrap(), expected, "{text}");
}

#[track_caller]
fn wrong(format: TraceFormat, text: &str, expected: &str) {
    assert_eq!(read(format, text).unwrap_err(), expected, "{text}");
}

const LOG: &str = r#"10.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "GET /a HTTP/1.1" 200 5
10.0.0.2 - bob [10/Oct/2000:13:55:36 -0700] "GET /b[1] HTTP/1.1" 200 5 "-" "curl"
10.0.0.3 - - [10/Oct/2000:22:55:37 +0200] "GET / HTTP/1.1" 404 0
10.0.0.1 - - [10/Oct/2000:13:55:35 -0700] "GET /slow HTTP/1.1" 200 5
"#;

#[test]
fn times_of_a_csv_count_from_its_first_arrival_and_are_sorted() {
    csv("12.5\n13\n12.75\n", &[0, 250_000, 500_000]);
    csv("0", &[0]);
    csv("path,Time,size\n/a,100.25,3\n\n# a comment\n\"/b\";\"101\";4\n", &[0, 750_000]);
    csv("when\tpath\r\n1700000000.000001\t/\r\n1700000000.000003\t/\r\n", &[0, 2]);
    csv("2024-05-01T12:00:00Z,/\n2024-05-01 12:00:01.5,/\n", &[0, 1_500_000]);
}

#[test]
fn requests_of_one_second_of_an_access_log_are_spread_over_it() {
    // The third one stands in another zone and is 1 s later.
    assert_eq!(read(TraceFormat::AccessLog, LOG).unwrap(), [0, 1_000_000, 1_500_000, 2_000_000]);
}

#[test]
fn moments_of_an_access_log_are_those_of_the_calendar() {
    let seconds = |stamp: &str| access_log::line(&format!("- [{stamp}] -")).unwrap() / 1_000_000;
    // By `date -ud '…' +%s`.
    assert_eq!(seconds("01/Jan/1970:00:00:00 +0000"), 0);
    assert_eq!(seconds("29/Feb/2000:23:59:59 +0000"), 951_868_799);
    assert_eq!(seconds("01/Mar/2100:00:00:00 +0000"), 4_107_542_400);
    assert_eq!(seconds("10/Oct/2000:13:55:36 -0700"), 971_211_336);
}

#[test]
fn wrong_lines_are_named() {
    use TraceFormat::{AccessLog, Csv};
    let form = "expected seconds such as `12.5`, or a moment such as `2024-05-01T12:00:00Z`, found";
    wrong(
        Csv,
        "time\n1\nx\n-3\nNaN\n",
        &format!("line 3: {form} `x`\nline 4: {form} `-3`\nline 5: {form} `NaN`"),
    );
    wrong(Csv, "path,time\n/a\n", "line 2: expected a time in column 2, found `/a`");
    let stamp = "expected a moment such as `[10/Oct/2000:13:55:36 -0700]`, found";
    wrong(AccessLog, "GET /\n", &format!("line 1: {stamp} `GET /`"));
    for bad in [
        "10/Oct/2000:13:55:36",
        "32/Oct/2000:13:55:36 +0000",
        "10/Okt/2000:13:55:36 +0000",
        "10/Oct/2000:13:55:36 0700",
        "1é/Oct/2000:13:55:36 +é00",
    ] {
        wrong(AccessLog, &format!("- [{bad}] -"), &format!("line 1: {stamp} `{bad}`"));
    }
    wrong(Csv, "# nothing\n\n", "expected the time of at least one arrival, found none");
    let many = read(Csv, &"x,1\n".repeat(15)).unwrap_err();
    assert!(many.ends_with(&format!("line 10: {form} `x`\nand 5 more wrong lines")), "{many}");
    wrong(Csv, "0\n1e11\n", "expected a trace of at most 365 days, found one of 1157407 days");
}

#[test]
fn a_trace_has_its_bounds() {
    let mut reader = TraceReader::new(TraceFormat::Csv);
    (0..MOST_ARRIVALS).for_each(|_| reader.line(b"1").unwrap());
    assert_eq!(reader.line(b"1"), Err(TraceError::TooMany));
    let mut reader = TraceReader::new(TraceFormat::Csv);
    reader.line(&[b'1'; LONGEST_LINE + 1]).unwrap();
    let told = reader.finish().unwrap_err().to_string();
    assert_eq!(told, "line 1: expected at most 65536 bytes, found 65537");
}

#[test]
fn a_trace_is_kept_in_few_bytes() {
    // A thousand a second for 100 s.
    let trace = Trace::of((0..100_000).map(|number| number * 1_000).collect()).unwrap();
    assert!(trace.gaps.len() <= 200_000, "{}", trace.gaps.len());
    assert_eq!((trace.len(), trace.most_in_a_second()), (100_000, 1_000));
    assert_eq!(trace.length(), Span::micros(99_999_000));
}

proptest! {
    #[test]
    fn what_went_in_comes_out_sorted_and_from_a_plan_again(mut micros in prop::collection::vec(0..LONGEST_MICROS, 1..200)) {
        let trace = Trace::of(micros.clone()).unwrap();
        micros.sort_unstable();
        let first = micros[0];
        let expected: Vec<u64> = micros.iter().map(|moment| moment - first).collect();
        prop_assert_eq!(trace.times().collect::<Vec<_>>(), expected);
        let text = ron::to_string(&trace).unwrap();
        prop_assert_eq!(ron::from_str::<Trace>(&text).unwrap(), trace);
    }

    #[test]
    fn any_bytes_are_read_or_refused(lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..20), csv: bool) {
        let mut reader = TraceReader::new(if csv { TraceFormat::Csv } else { TraceFormat::AccessLog });
        lines.iter().for_each(|line| reader.line(line).unwrap());
        let _ = reader.finish();
    }

    #[test]
    fn almost_an_access_log_is_read_or_refused(stamp in "[0-9]{1,3}/(Jan|Feb|Xxx)/[0-9]{3,5}:[0-9]{1,3}:[0-9]{2}:[0-9]{2} [+-][0-9]{3,5}") {
        let _ = access_log::line(&format!("[{stamp}]"));
    }
}
