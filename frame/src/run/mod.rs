//! Images one after another: made ahead on a thread, shown in time, for months.

mod backoff;
mod calendar;
mod events;
mod frame;
mod maker;
mod pace;
mod player;
mod series;
mod stats;
mod studio;
mod watch;

pub use backoff::Backoff;
pub use calendar::{date_seed, until_tomorrow};
pub use events::{Event, signals};
pub use frame::Frame;
pub use maker::Maker;
pub use pace::{Pace, Slower};
pub use player::{Open, Player, PlayerError, Timing};
pub use series::Order;
pub use stats::Stats;
pub use studio::{Look, Studio, StudioError};
pub use watch::Watch;
