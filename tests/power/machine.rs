//! The emulated machine: boot and power cut.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::disk;
use crate::support::http::Http;
use crate::support::process::free_port;
use crate::writes::{Replayed, Rest, replay};

pub(crate) const TOKEN: &str = "power-cut-and-nothing-else";
/// Generous, because the machine may share its processors.
const BOOT_LIMIT: Duration = Duration::from_secs(300);

pub(crate) struct Machine {
    dir: PathBuf,
    port: u16,
    /// Words for the kernel's command line.
    words: Vec<String>,
    emulator: Option<Child>,
}

impl Machine {
    pub(crate) fn new(broker_port: u16) -> Self {
        let broker = format!("systemd.setenv=STOCKGATE_MQTT__URL=mqtt://10.0.2.2:{broker_port}");
        let mut words = vec![broker];
        if env::var("POWER_BARRIERS").as_deref() == Ok("off") {
            words.push("data_options=barrier=0".into());
        }
        Self { dir: variable("POWER_DIR").into(), port: free_port(), words, emulator: None }
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn http(&self) -> Http {
        Http::new(&format!("http://{}", self.address())).with_token(TOKEN)
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.dir.join("data.img")
    }

    /// Boots it, with these extra words for the kernel.
    pub(crate) fn boot(&mut self, words: &[String]) {
        assert!(self.emulator.is_none(), "it runs already");
        disk::copy(&self.data(), &self.dir.join("before.img"));
        File::create(self.dir.join("writes.log")).unwrap();
        let mut command = self.command(words);
        let said = File::create(self.dir.join("emulator.log")).unwrap();
        command.stdin(Stdio::null()).stdout(said.try_clone().unwrap()).stderr(said);
        self.emulator = Some(command.spawn().unwrap());
    }

    pub(crate) fn wait_until_ready(&mut self) {
        let (http, began) = (self.http(), Instant::now());
        let is_ready = || http.try_send("GET", "/readyz", None).is_ok_and(|it| it.status == 200);
        while !is_ready() {
            let ended = self.emulator.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "the machine has ended: {ended:?}\n{}", self.console());
            assert!(began.elapsed() < BOOT_LIMIT, "it does not come up:\n{}", self.console());
            sleep(Duration::from_millis(200));
        }
    }

    /// Cuts the power.
    pub(crate) fn power_off(&mut self) {
        let mut emulator = self.emulator.take().expect("it runs");
        emulator.kill().unwrap();
        emulator.wait().unwrap();
    }

    /// Leaves on the disk what a real disk would have after that.
    pub(crate) fn leave(&self, rest: Rest, rng: &mut fastrand::Rng) -> Replayed {
        fs::rename(self.dir.join("before.img"), self.data()).unwrap();
        replay(&self.dir.join("writes.log"), &self.data(), rest, rng)
    }

    pub(crate) fn console(&self) -> String {
        let read = |name| fs::read(self.dir.join(name)).unwrap_or_default();
        let text = [read("emulator.log"), read("console")].concat();
        String::from_utf8_lossy(&text).into_owned()
    }

    fn command(&self, words: &[String]) -> Command {
        let emulator = PathBuf::from(variable("POWER_QEMU"));
        let mut command = Command::new(emulator.join("usr/bin/qemu-system-arm"));
        command.current_dir(&self.dir).env("LD_LIBRARY_PATH", variable("POWER_LIBRARIES"));
        for firmware in ["usr/share/qemu", "usr/share/seabios"] {
            command.arg("-L").arg(emulator.join(firmware));
        }
        let kernel = "console=ttyAMA0 quiet panic=-1 loglevel=4 systemd.show_status=0".to_owned();
        let words = [&[kernel], self.words.as_slice(), words].concat().join(" ");
        let forward = format!("user,id=net,hostfwd=tcp:{}-:8080", self.address());
        command.args(["-M", "virt", "-cpu", "cortex-a7", "-m", "512", "-no-reboot", "-nodefaults"]);
        command.args(["-display", "none", "-monitor", "none", "-serial", "file:console"]);
        command.args(["-kernel", &variable("POWER_KERNEL"), "-initrd", "initramfs.cpio"]);
        command.args(["-append", &words]);
        command.args(["-drive", "if=none,id=system,file=system.img,format=raw,snapshot=on"]);
        command.args(["-device", "virtio-blk-device,drive=system,serial=system"]);
        command.args(["-blockdev", "driver=file,filename=data.img,node-name=data-file"]);
        command.args(["-blockdev", "driver=raw,file=data-file,node-name=data-raw"]);
        // As slow as a memory card, or hardly any cut would hit between a write and its flush.
        command.args(["-object", "throttle-group,id=slow,x-iops-write=200"]);
        command.args([
            "-blockdev",
            "driver=throttle,throttle-group=slow,file=data-raw,node-name=card",
        ]);
        command.args(["-blockdev", "driver=file,filename=writes.log,node-name=writes"]);
        command.args([
            "-blockdev",
            "driver=blklogwrites,file=card,log=writes,log-sector-size=512,node-name=data",
        ]);
        command.args(["-device", "virtio-blk-device,drive=data,serial=data"]);
        command.args(["-netdev", &forward, "-device", "virtio-net-device,netdev=net"]);
        command
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if let Some(mut emulator) = self.emulator.take() {
            let _ = emulator.kill();
            let _ = emulator.wait();
        }
        if std::thread::panicking() {
            eprintln!("--- console of the machine ---\n{}---", self.console());
        }
    }
}

pub(crate) fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("{name} is not set: scripts/power-cut does it"))
}
