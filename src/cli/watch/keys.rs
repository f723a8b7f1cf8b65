//! The keys of the board: `q` ends it, `?` explains it. They act at once, without Enter.

use std::io::{IsTerminal as _, Read as _, stdin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::sync::Notify;

/// What was pressed, and the keyboard, once it is read.
pub(super) struct Keys {
    shared: Arc<Pressed>,
    /// The settings of the terminal as they were.
    before: Option<Termios>,
}

/// Waits for the key that ends the board.
pub(super) struct Quit(Arc<Pressed>);

#[derive(Default)]
struct Pressed {
    quit: Notify,
    help: AtomicBool,
}

pub(super) fn channel() -> (Keys, Quit) {
    let shared = Arc::<Pressed>::default();
    (Keys { shared: Arc::clone(&shared), before: None }, Quit(shared))
}

impl Quit {
    pub(super) async fn pressed(self) {
        self.0.quit.notified().await;
    }
}

impl Keys {
    /// Reads the keyboard from now on, if there is one.
    pub(super) fn listen(&mut self) {
        let (true, Ok(before)) = (stdin().is_terminal(), tcgetattr(stdin())) else { return };
        let mut settings = before.clone();
        settings.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
        if tcsetattr(stdin(), OptionalActions::Now, &settings).is_err() {
            return;
        }
        self.before = Some(before);
        let shared = Arc::clone(&self.shared);
        std::thread::spawn(move || shared.read());
    }

    pub(super) fn wants_help(&self) -> bool {
        self.shared.help.load(Ordering::Relaxed)
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            let _ = tcsetattr(stdin(), OptionalActions::Now, before);
        }
    }
}

impl Pressed {
    fn read(&self) {
        let mut key = [0];
        while stdin().read_exact(&mut key).is_ok() {
            match key[0] {
                b'q' | b'Q' => self.quit.notify_one(),
                b'?' | b'h' => drop(self.help.fetch_xor(true, Ordering::Relaxed)),
                _ => {}
            }
        }
    }
}
