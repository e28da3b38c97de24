//! What must happen in months, in seconds: with a display that fails when it is told to.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use dreamlet_frame::display::{Display, DisplayError, Facts, Wish, open};
use dreamlet_frame::model::Source;
use dreamlet_frame::options::Mode;
use dreamlet_frame::panel::Panel;
use dreamlet_frame::picture::{Canvas, Size};
use dreamlet_frame::run::{Event, Look, Maker, Open, Player, Studio, Timing};

const FACTS: Facts = Facts {
    width: 28,
    height: 28,
    palette: None,
    border: [0; 3],
    least_period: Duration::ZERO,
};

/// What a display has seen.
#[derive(Default)]
struct Seen {
    images: Vec<Vec<u8>>,
    times: Vec<Instant>,
    opened: Vec<Instant>,
    finished: usize,
    /// Attempts to show that fail, by their number from 0.
    failing: Vec<usize>,
    /// Attempts to open again that fail.
    shut: usize,
    attempts: usize,
}

#[derive(Clone, Default)]
struct Mock(Rc<RefCell<Seen>>);

impl Display for Mock {
    fn facts(&self) -> Facts {
        FACTS
    }

    fn show(&mut self, canvas: &Canvas) -> Result<(), DisplayError> {
        let seen = &mut *self.0.borrow_mut();
        let attempt = seen.attempts;
        seen.attempts += 1;
        if seen.failing.contains(&attempt) {
            return Err(pulled());
        }
        seen.images.push(canvas.rgb.clone());
        seen.times.push(Instant::now());
        Ok(())
    }

    fn finish(&mut self) -> Result<(), DisplayError> {
        self.0.borrow_mut().finished += 1;
        Ok(())
    }
}

fn pulled() -> DisplayError {
    DisplayError::Bus {
        what: "the test",
        reason: "the display was pulled".into(),
    }
}

fn pico() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/pico/pico.dream")
}

/// Plays `frames` images of a mode; `beside` gets the sender of events.
fn play(
    mock: &Mock,
    model: &Path,
    mode: Mode,
    timing: (Duration, Option<u64>),
    beside: impl FnOnce(SyncSender<Event>) + Send + 'static,
) -> u64 {
    let source = Source::new(model, None).unwrap();
    play_from(mock, source, mode, timing, beside)
}

fn play_from(
    mock: &Mock,
    source: Source,
    mode: Mode,
    timing: (Duration, Option<u64>),
    beside: impl FnOnce(SyncSender<Event>) + Send + 'static,
) -> u64 {
    let (sender, events) = sync_channel(32);
    let look = Look {
        mode,
        seed: 1,
        steps: 30,
        ..Look::default()
    };
    let studio = Studio::new(source.open().unwrap(), &FACTS, &look).unwrap();
    let maker = Maker::begin(studio, source, FACTS, look, sender.clone()).unwrap();
    let again = mock.clone();
    let open: Open = Box::new(move || {
        let seen = &mut *again.0.borrow_mut();
        seen.opened.push(Instant::now());
        if seen.shut > 0 {
            seen.shut -= 1;
            return Err(pulled());
        }
        Ok(Box::new(again.clone()))
    });
    thread::spawn(move || beside(sender));
    let timing = Timing {
        mode,
        period: timing.0,
        frames: timing.1,
        stats: false,
        pause: Duration::from_millis(20),
    };
    let player = Player::new(open, Box::new(mock.clone()), maker, events, timing, None);
    player.play().unwrap()
}

const MS: Duration = Duration::from_millis(1);

#[test]
fn a_display_that_fails_is_opened_again_after_growing_pauses_and_no_image_is_lost() {
    let (mock, whole) = (Mock::default(), Mock::default());
    mock.0.borrow_mut().failing = vec![2];
    mock.0.borrow_mut().shut = 3;
    play(&mock, &pico(), Mode::Gallery, (MS, Some(5)), |_| {});
    play(&whole, &pico(), Mode::Gallery, (MS, Some(5)), |_| {});
    let seen = mock.0.borrow();
    assert_eq!(seen.images, whole.0.borrow().images);
    assert_eq!((seen.opened.len(), seen.finished), (4, 1));
    let pauses: Vec<Duration> = seen
        .opened
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .collect();
    for (pause, least) in pauses.iter().zip([40, 80, 160]) {
        assert!(*pause >= MS * least, "{pauses:?}");
    }
}

#[test]
fn told_to_stop_it_leaves_the_display_clean_at_once() {
    let mock = Mock::default();
    let begin = Instant::now();
    let timing = (Duration::from_secs(3600), None);
    let shown = play(&mock, &pico(), Mode::Gallery, timing, |events| {
        thread::sleep(MS * 300);
        events.send(Event::Stop).unwrap();
    });
    assert_eq!((shown, mock.0.borrow().finished), (1, 1));
    assert!(begin.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_broken_new_model_is_refused_and_the_one_before_goes_on() {
    let folder = std::env::temp_dir().join(format!("dreamlet-reload-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("model.dream");
    std::fs::copy(pico(), &path).unwrap();
    let (mock, whole) = (Mock::default(), Mock::default());
    let broken = path.clone();
    play(
        &mock,
        &path,
        Mode::Gallery,
        (MS * 20, Some(40)),
        move |events| {
            std::fs::write(&broken, b"no model").unwrap();
            events.send(Event::Reload).unwrap();
        },
    );
    std::fs::remove_dir_all(&folder).unwrap();
    play(&whole, &pico(), Mode::Gallery, (MS, Some(40)), |_| {});
    assert_eq!(mock.0.borrow().images, whole.0.borrow().images);
}

#[test]
fn with_a_trusted_key_a_new_model_without_its_signature_is_refused() {
    use dreamlet_runtime::engine::compiled::format::trailer;
    use p256::ecdsa::signature::Signer as _;
    use p256::ecdsa::{Signature, SigningKey};
    use p256::pkcs8::{EncodePublicKey as _, LineEnding};

    let folder = std::env::temp_dir().join(format!("dreamlet-trust-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (path, public) = (folder.join("model.dream"), folder.join("KEY.pub"));
    let key = SigningKey::from_slice(&[3; 32]).unwrap();
    let pem = p256::PublicKey::from(key.verifying_key()).to_public_key_pem(LineEnding::LF);
    std::fs::write(&public, pem.unwrap()).unwrap();
    let plain = std::fs::read(pico()).unwrap();
    let signature: Signature = key.sign(&plain);
    let signed = [&plain[..], &trailer(&signature.to_bytes().into())].concat();
    let other: Signature = SigningKey::from_slice(&[4; 32]).unwrap().sign(&plain);
    let by_another = [&plain[..], &trailer(&other.to_bytes().into())].concat();

    let source = Source::new(&path, Some(&public)).unwrap();
    for (bytes, reason) in [
        (&plain, "no signature"),
        (&by_another, "not by the trusted key"),
    ] {
        std::fs::write(&path, bytes).unwrap();
        let error = source.open().err().unwrap().to_string();
        assert!(
            error.contains("model.dream") && error.contains(reason),
            "{error}"
        );
    }
    let onnx = Source::new(Path::new("some.onnx"), Some(&public)).unwrap();
    let error = onnx.open().err().unwrap().to_string();
    assert!(error.contains("dreamlet sign --embed"), "{error}");
    let error = Source::new(&path, Some(&path)).err().unwrap().to_string();
    assert!(error.contains("KEY.pub"), "{error}");

    std::fs::write(&path, &signed).unwrap();
    let (mock, whole) = (Mock::default(), Mock::default());
    let new = path.clone();
    play_from(
        &mock,
        source,
        Mode::Gallery,
        (MS * 20, Some(40)),
        move |events| {
            // It would begin with the first seed again, as the next test shows.
            thread::sleep(MS * 100);
            std::fs::write(&new, plain).unwrap();
            events.send(Event::Reload).unwrap();
        },
    );
    std::fs::remove_dir_all(&folder).unwrap();
    play(&whole, &pico(), Mode::Gallery, (MS, Some(40)), |_| {});
    assert_eq!(mock.0.borrow().images, whole.0.borrow().images);
}

#[test]
fn a_sound_new_model_is_shown_from_its_first_seed() {
    let mock = Mock::default();
    play(
        &mock,
        &pico(),
        Mode::Gallery,
        (MS * 20, Some(40)),
        |events| {
            thread::sleep(MS * 100);
            events.send(Event::Reload).unwrap();
        },
    );
    let seen = mock.0.borrow();
    let first = &seen.images[0];
    assert!(seen.images.iter().skip(1).any(|image| image == first));
}

#[test]
fn a_still_image_stays_until_the_button_for_the_next_one() {
    let mock = Mock::default();
    let shown = play(&mock, &pico(), Mode::Still, (MS, Some(2)), |events| {
        thread::sleep(MS * 300);
        events.send(Event::Next).unwrap();
    });
    let seen = mock.0.borrow();
    assert_eq!(shown, 2);
    assert!(seen.times[1] - seen.times[0] >= MS * 200);
    assert_ne!(seen.images[0], seen.images[1]);
}

#[test]
fn a_full_disk_is_an_error_with_the_file_and_the_reason() {
    let wish = |name: &str| Wish {
        name: name.into(),
        size: Some(Size {
            width: 64,
            height: 64,
        }),
        period: None,
        panel: Panel::default(),
    };
    // The kernel's device that is always full.
    let mut display = match open(&wish("gif:/dev/full")) {
        Ok(display) => display,
        Err(error) => {
            assert!(error.to_string().contains("/dev/full"), "{error}");
            return;
        }
    };
    let shown = display
        .show(&Canvas::new(64, 64))
        .and_then(|()| display.finish());
    let error = shown.unwrap_err().to_string();
    assert!(
        error.contains("/dev/full") && error.contains("disk is full"),
        "{error}"
    );
}
