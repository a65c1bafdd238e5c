//! Children that end in time, or fail the test that has started them.

use std::io::Read;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Whatever has not ended by then hangs. No test is about how long this is.
const LIMIT: Duration = Duration::from_secs(120);

/// What the standard library does without a limit.
pub trait InTime {
    /// Waits for its end.
    fn wait_in_time(&mut self) -> ExitStatus;

    /// Waits for its end and gives what it said. It has no input, or no more of it.
    fn output_in_time(&mut self) -> Output;
}

impl InTime for Child {
    #[track_caller]
    fn wait_in_time(&mut self) -> ExitStatus {
        drop(self.stdin.take());
        let began = Instant::now();
        loop {
            if let Some(status) = self.try_wait().unwrap() {
                return status;
            }
            if began.elapsed() > LIMIT {
                drop(self.kill());
                panic!("a child did not end within {LIMIT:?}");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[track_caller]
    fn output_in_time(&mut self) -> Output {
        let (stdout, stderr) = (Said::by(self.stdout.take()), Said::by(self.stderr.take()));
        let status = self.wait_in_time();
        Output { status, stdout: stdout.all(), stderr: stderr.all() }
    }
}

impl InTime for Command {
    #[track_caller]
    fn wait_in_time(&mut self) -> ExitStatus {
        self.spawn().unwrap().wait_in_time()
    }

    #[track_caller]
    fn output_in_time(&mut self) -> Output {
        self.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        self.spawn().unwrap().output_in_time()
    }
}

/// What a child says on one of its outputs.
struct Said {
    bytes: Arc<Mutex<Vec<u8>>>,
    /// Nobody where the output goes elsewhere.
    reader: Option<JoinHandle<()>>,
}

impl Said {
    fn by(output: Option<impl Read + Send + 'static>) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let gathered = Arc::clone(&bytes);
        let reader = output.map(|mut output| {
            std::thread::spawn(move || {
                let mut buffer = [0; 64 * 1024];
                while let Ok(count @ 1..) = output.read(&mut buffer) {
                    gathered.lock().unwrap().extend_from_slice(&buffer[..count]);
                }
            })
        });
        Self { bytes, reader }
    }

    /// All of it: whom the child has left behind may hold the output, but not for ever.
    #[track_caller]
    fn all(self) -> Vec<u8> {
        let began = Instant::now();
        while self.reader.as_ref().is_some_and(|reader| !reader.is_finished()) {
            assert!(began.elapsed() < LIMIT, "an output did not end within {LIMIT:?}");
            std::thread::sleep(Duration::from_millis(1));
        }
        std::mem::take(&mut *self.bytes.lock().unwrap())
    }
}
