//! From the command line to the last image.

use std::error::Error;
use std::io::Write as _;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use clap::Parser as _;

use crate::check;
use crate::display::{Facts, Wish, kind_of, list, open};
use crate::model::Source;
use crate::options::{Choices, Mode, Options};
use crate::run::{Look, Maker, Player, Studio, Timing, signals};

/// Room for events; more than come in one moment.
const EVENTS: usize = 32;
/// Images of files, where the user names no number: a disk is not filled by mistake.
const FILES: u64 = 60;
/// The first pause after a display has failed.
const PAUSE: Duration = Duration::from_secs(1);

/// The program.
///
/// # Errors
/// What a person must know.
pub fn run() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    if options.list_displays {
        // Who reads no further is no error.
        let _ = std::io::stdout().write_all(list().as_bytes());
        return Ok(());
    }
    let choices = options.choices()?;
    let wish = wish(&choices)?;
    if options.check {
        return check::check(&choices, &wish);
    }
    show(&choices, wish)
}

fn wish(choices: &Choices) -> Result<Wish, Box<dyn Error>> {
    Ok(Wish {
        name: choices.display()?.into(),
        size: choices.size,
        period: choices.period(),
        panel: choices.panel.clone(),
    })
}

fn show(choices: &Choices, wish: Wish) -> Result<(), Box<dyn Error>> {
    let (kind, _) = kind_of(&wish.name)?;
    let source = Source::new(choices.model()?, choices.trust.as_deref())?;
    let model = source.open()?;
    let open = Box::new(move || open(&wish));
    let display = open()?;
    let facts = display.facts();
    let timing = timing(choices, &facts, kind.name);
    let look = Look::of(choices);
    let studio = Studio::new(model, &facts, &look)?;
    let (sender, events) = sync_channel(EVENTS);
    signals(sender.clone())?;
    let path = choices.model()?;
    let maker = Maker::begin(studio, source, facts, look, sender)?;
    Player::new(open, display, maker, events, timing, Some(path)).play()?;
    Ok(())
}

/// When images are shown, by the user's choices and the display.
fn timing(choices: &Choices, facts: &Facts, kind: &str) -> Timing {
    let mode = choices.mode();
    let usual = match mode {
        Mode::Walk => Duration::from_millis(50),
        _ => Duration::from_secs(10),
    };
    let period = choices.period().unwrap_or(usual.max(facts.least_period));
    if period < facts.least_period {
        eprintln!(
            "the panel's maker advises {:?} or more between images, {period:?} were asked for",
            facts.least_period
        );
    }
    let file = matches!(kind, "png" | "gif");
    let usual_frames = match (file, mode) {
        (true, Mode::Still | Mode::Daily) => Some(1),
        (true, _) => Some(FILES),
        _ => None,
    };
    Timing {
        mode,
        // Nobody looks at files while they are made.
        period: if file { Duration::ZERO } else { period },
        frames: choices.frames.or(usual_frames),
        stats: choices.stats,
        pause: PAUSE,
    }
}
