use super::*;

/// Sends so many bytes through a broker with a limit; returns what was sent in all, and how many
/// frames were lost.
fn send(size: &mut FrameSize, mut bytes: usize, limit: usize, now_ms: u64) -> (usize, usize) {
    let (mut sent, mut lost) = (0, 0);
    while bytes > 0 {
        let frame = size.limit(now_ms).min(bytes);
        sent += frame;
        if frame + 100 <= limit {
            size.handle_arrived(frame);
            bytes -= frame;
        } else {
            size.handle_lost(frame, now_ms);
            lost += 1;
        }
    }
    (sent, lost)
}

#[test]
fn a_remembered_limit_beyond_every_frame_ends_with_the_largest_one() {
    let limit = FrameLimit { passes: 0, lost: 2 * FRAME_BYTES_MAX };
    let mut size = FrameSize::trusting().recalling(limit, 0);
    size.handle_arrived(size.trial_bytes().unwrap());
    assert_eq!((size.known(), size.trial_at_ms()), (None, None));
}

#[test]
fn at_most_twice_the_bytes_are_sent_through_any_limit() {
    for limit in [2_048, 3_000, 4_096, 5_000, 8_192, 10_000, 16_384, 30_000] {
        for bytes in [500, 5_000, 14_000, 33_000, 100_000, 1_000_000] {
            let mut size = FrameSize::careful();
            let (sent, lost) = send(&mut size, bytes, limit, 0);
            let allowed = 2 * bytes + if limit < 4_096 { 3_840 } else { 0 };
            assert!(sent <= allowed, "{sent} bytes for {bytes} with a limit of {limit}");
            assert!(lost <= 2, "{lost} frames were lost");
        }
    }
}

/// As [`send`], with so long between two frames; returns what was sent.
fn send_slowly(size: &mut FrameSize, mut bytes: usize, limit: usize, step_ms: u64) -> usize {
    let (mut sent, mut now_ms) = (0, 0);
    while bytes > 0 {
        let frame = size.limit(now_ms).min(bytes);
        sent += frame;
        if frame + 100 <= limit {
            size.handle_arrived(frame);
            bytes -= frame;
        } else {
            size.handle_lost(frame, now_ms);
        }
        now_ms += step_ms;
    }
    sent
}

#[test]
fn at_most_twice_the_bytes_are_sent_however_long_it_takes() {
    for limit in [2_048, 3_000, 4_096, 5_000, 8_192, 10_000, 16_384, 30_000] {
        for bytes in [500, 5_000, 14_000, 33_000, 50_000, 70_000, 100_000, 1_000_000] {
            for step_ms in [100, 1_000, 5_000] {
                let sent = send_slowly(&mut FrameSize::careful(), bytes, limit, step_ms);
                let allowed = 2 * bytes + if limit < 4_096 { 3_840 } else { 0 };
                assert!(sent <= allowed, "{sent} bytes for {bytes} with a limit of {limit}");
            }
        }
    }
}

#[test]
fn a_size_that_was_lost_by_accident_is_tried_soon_once_it_is_paid_for() {
    let mut size = FrameSize::careful();
    send(&mut size, 30_000, 8_192, 0);
    assert_eq!(size.trial_at_ms(), Some(FRAME_TRIAL_MS), "so little has arrived since");
    send(&mut size, 7_000, 8_192, 0);
    assert_eq!(size.trial_at_ms(), Some(FRAME_TRIAL_SOON_MS));
    assert_eq!(size.limit(FRAME_TRIAL_SOON_MS - 1), 7_936);
    assert_eq!(size.limit(FRAME_TRIAL_SOON_MS), 16_128);
    size.handle_arrived(size.trial_bytes().unwrap());
    assert_eq!((size.known(), size.trial_at_ms()), (None, None));

    let mut size = FrameSize::careful();
    send(&mut size, 100_000, 8_192, 0);
    size.handle_lost(16_128, FRAME_TRIAL_SOON_MS);
    send(&mut size, 100_000, 8_192, FRAME_TRIAL_SOON_MS);
    let again_ms = FRAME_TRIAL_SOON_MS + 2 * FRAME_TRIAL_MS;
    assert_eq!(size.trial_at_ms(), Some(again_ms), "the second time it was no accident");
}

#[test]
fn a_size_over_which_the_connection_was_closed_is_not_tried_soon() {
    let mut size = FrameSize::careful();
    send(&mut size, 11_000, 8_192, 0);
    size.handle_doubtful(16_000, 0);
    size.handle_doubtful(16_000, 1_000);
    send(&mut size, 100_000, 8_192, 1_000);
    assert_eq!(size.trial_at_ms(), Some(1_000 + FRAME_TRIAL_MS), "each time costs a connection");
}

#[test]
fn a_limit_may_be_reported_until_it_is_time_to_try_again() {
    let mut size = FrameSize::careful();
    send(&mut size, 30_000, 8_192, 0);
    assert_eq!(size.lost_bytes_until_trial(FRAME_TRIAL_MS - 1), Some(16_128));
    assert_eq!(size.lost_bytes_until_trial(FRAME_TRIAL_MS), None);
    size.handle_lost(16_128, FRAME_TRIAL_MS);
    size.handle_arrived(200);
    assert_eq!(size.lost_bytes_until_trial(2 * FRAME_TRIAL_MS), Some(16_128), "it holds still");
}

#[test]
fn without_a_limit_nothing_is_lost_and_frames_are_large_after_the_first_few() {
    let mut size = FrameSize::careful();
    assert_eq!(send(&mut size, 100_000, usize::MAX, 0), (100_000, 0));
    assert_eq!(size.limit(0), FRAME_BYTES_MAX);
    assert_eq!(size.lost_bytes(), None);
}

#[test]
fn a_lost_size_is_tried_again_later_and_less_and_less_often() {
    let mut size = FrameSize::careful();
    send(&mut size, 30_000, 8_192, 0);
    assert_eq!((size.limit(0), size.lost_bytes()), (7_936, Some(16_128)));
    assert_eq!(size.limit(FRAME_TRIAL_MS), 16_128);
    size.handle_lost(16_128, FRAME_TRIAL_MS);
    assert_eq!(size.limit(2 * FRAME_TRIAL_MS), 7_936, "the wait has doubled");
    assert_eq!(size.limit(3 * FRAME_TRIAL_MS), 16_128);
    size.handle_arrived(16_128);
    assert_eq!((size.limit(0), size.lost_bytes()), (FRAME_BYTES_MAX, None));
}

#[test]
fn one_frame_of_a_proven_size_may_be_lost_by_accident() {
    let mut size = FrameSize::careful();
    send(&mut size, 100_000, usize::MAX, 0);
    size.handle_lost(20_000, 0);
    assert_eq!(size.limit(0), FRAME_BYTES_MAX);
    size.handle_arrived(30_000);
    size.handle_lost(20_000, 0);
    assert_eq!(size.limit(0), FRAME_BYTES_MAX);
    size.handle_lost(20_000, 0);
    assert!(size.limit(0) < 20_000, "the broker has a limit now");
    size.handle_arrived(7_900);
    assert_eq!(size.lost_bytes(), Some(20_000));
}

#[test]
fn a_way_that_falls_silent_twice_over_large_frames_gets_smaller_ones() {
    let mut size = FrameSize::careful();
    size.handle_doubtful(3_800, 0);
    assert_eq!(size.limit(FRAME_CAUTION_MS - 1), SMALL);
    assert_eq!(size.limit(FRAME_CAUTION_MS), 3_840, "the network may have been away");
    let trial = |size: &FrameSize| size.trial_at_ms().zip(size.trial_bytes());
    assert_eq!(trial(&size), Some((FRAME_CAUTION_MS, 3_800)), "that will show it");
    size.handle_arrived(3_800);
    assert_eq!((size.limit(1_000), trial(&size)), (7_936, None));
    size.handle_doubtful(3_800, 10_000);
    size.handle_arrived(200);
    assert_eq!(size.lost_bytes(), None, "frames of this size have arrived since");
    size.handle_doubtful(3_800, 20_000);
    assert_eq!((size.limit(20_000), size.lost_bytes()), (1_792, Some(3_800)));
    size.handle_doubtful(1_700, 21_000);
    assert_eq!((size.limit(21_000), size.lost_bytes()), (SMALL, Some(1_700)), "at once now");
    size.handle_doubtful(200, 22_000);
    size.handle_doubtful(200, 23_000);
    assert_eq!(size.lost_bytes(), Some(1_700), "small frames are never to blame");
}

#[test]
fn a_connection_that_ends_over_small_frames_too_says_nothing_of_large_ones() {
    let mut size = FrameSize::careful();
    size.handle_doubtful(3_800, 0);
    size.handle_doubtful(200, 1_000);
    assert_eq!(size.limit(1_000), 3_840, "the caution is over");
    for now_ms in (2_000..30_000).step_by(1_000) {
        size.handle_doubtful(3_800, now_ms);
    }
    assert_eq!((size.limit(30_000), size.lost_bytes()), (3_840, None));
    for now_ms in [FRAME_EXCUSED_MS + 1_000, FRAME_EXCUSED_MS + 9_000] {
        assert_eq!(size.lost_bytes(), None);
        size.handle_doubtful(3_800, now_ms);
    }
    assert_eq!(size.lost_bytes(), Some(3_800), "only large ones since");
}

#[test]
fn a_trial_is_due_when_its_time_has_come_and_ends_the_limit_if_it_arrives() {
    let mut size = FrameSize::careful();
    assert_eq!(size.trial_at_ms(), None, "there is no limit");
    send(&mut size, 30_000, 8_192, 0);
    let trial = |size: &FrameSize| (size.trial_at_ms(), size.trial_bytes());
    assert_eq!(trial(&size), (Some(FRAME_TRIAL_MS), Some(16_128)));
    let mut waits = Vec::new();
    for _ in 0..20 {
        let now_ms = size.trial_at_ms().unwrap();
        size.handle_lost(16_128, now_ms);
        waits.push(size.trial_at_ms().unwrap() - now_ms);
    }
    assert_eq!(waits[..2], [2 * FRAME_TRIAL_MS, 4 * FRAME_TRIAL_MS]);
    assert_eq!(waits.last(), Some(&FRAME_TRIAL_MS_MAX));
    size.handle_arrived(16_128);
    assert_eq!((trial(&size), size.lost_bytes()), ((None, None), None));
}

#[test]
fn the_size_that_was_lost_last_is_the_one_that_is_reported() {
    let mut size = FrameSize::careful();
    send(&mut size, 30_000, 8_192, 0);
    assert_eq!(size.lost_bytes(), Some(16_128));
    size.handle_lost(10_000, FRAME_TRIAL_MS);
    assert_eq!(size.lost_bytes(), Some(10_000));
}

#[test]
fn small_frames_that_arrive_do_not_end_a_doubt() {
    let mut size = FrameSize::careful();
    send(&mut size, 100_000, usize::MAX, 0);
    size.handle_lost(20_000, 0);
    size.handle_arrived(200);
    size.handle_lost(20_000, 0);
    assert!(size.limit(0) < 20_000, "the broker has a limit now");
}

#[test]
fn a_limit_that_is_remembered_costs_nothing_again_until_it_is_tried() {
    for limit in [2_048, 4_096, 8_192, 16_384] {
        let mut size = FrameSize::careful();
        send(&mut size, 100_000, limit, 0);
        let known = size.known().expect("there is a limit");
        assert!(known.most() + 100 <= limit && known.lost + 100 > limit, "{known:?}");

        let mut size = FrameSize::careful().recalling(known, 1_000);

        assert_eq!(size.known(), Some(known));
        assert_eq!(send(&mut size, 100_000, limit, 1_000), (100_000, 0));
        let later_ms = 1_000 + FRAME_TRIAL_MS;
        assert_eq!(send(&mut size, 100_000, limit, later_ms).1, 1, "it is tried once");
        send(&mut size, 100_000, usize::MAX, later_ms + FRAME_TRIAL_MS_MAX);
        assert_eq!(size.known(), None);
    }
}

#[test]
fn a_receiver_that_takes_nothing_has_no_limit() {
    let mut size = FrameSize::trusting();
    for bytes in [30_000, 16_128, 7_936, 3_840, 1_792, 960, 960] {
        size.handle_lost(bytes, 0);
        assert_eq!((size.lost_bytes(), size.known()), (None, None), "nothing has arrived");
    }
    assert_eq!(size.limit(0), SMALL, "what is lost costs little meanwhile");
    size.handle_arrived(200);
    assert_eq!((size.lost_bytes(), size.limit(0)), (None, FRAME_BYTES_MAX));
    size.handle_lost(30_000, 0);
    size.handle_arrived(200);
    assert_eq!(size.lost_bytes(), Some(30_000), "a small one has arrived");
}

#[test]
fn what_makes_no_sense_is_not_remembered() {
    for limit in [(0, 0), (0, SMALL), (9_000, 8_000), (9_000, 9_000)] {
        let limit = FrameLimit { passes: limit.0, lost: limit.1 };
        assert_eq!(FrameSize::careful().recalling(limit, 0).known(), None, "{limit:?}");
    }
    assert_eq!(FrameLimit::of(7_936).most(), 7_936);
    assert_eq!(FrameLimit::of(usize::MAX).most(), 16_128, "below the largest size");
}

#[test]
fn small_frames_are_never_to_blame() {
    let mut size = FrameSize::trusting();
    size.handle_lost(200, 0);
    size.handle_lost(200, 0);
    assert_eq!((size.limit(0), size.lost_bytes()), (FRAME_BYTES_MAX, None));
    assert!(!size.is_trial(900));
}
