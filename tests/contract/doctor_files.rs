//! What the doctor reports of files that the gateway or the doctor cannot use.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};

use crate::doctor::{findings, visit};
use crate::support::gateway::Gateway;
use crate::support::process::run_to_end;
use crate::support::program::Program;

#[test]
fn a_file_that_the_gateway_cannot_write_is_reported() {
    let mut gateway = Gateway::stocked(&[("A", 5)]);
    gateway.terminate();
    let data_dir = gateway.data_dir();
    let mut paths: Vec<_> = ["stockgate.db", "lock", "reserve", "position"]
        .map(|name| data_dir.join(name))
        .into_iter()
        .filter(|path| path.exists())
        .collect();
    assert!(paths.len() >= 3, "{paths:?}");
    paths.push(data_dir.clone());
    for path in paths {
        let assert_reported = |of: &str| {
            let visit = visit(&gateway, &["--json"]);
            // Reading the database created them, with its mode.
            let _ = ["-wal", "-shm"]
                .map(|log| fs::remove_file(data_dir.join(format!("stockgate.db{log}"))));
            let told = findings(&visit, "permissions").remove(0);
            assert_eq!(told["verdict"], "wrong", "{of} of {}: {visit:?}", path.display());
            assert!(told["message"].as_str().unwrap().contains(path.to_str().unwrap()), "{told}");
            assert!(told["next"].as_str().unwrap().contains("chown"), "{told}");
        };
        let metadata = fs::metadata(&path).unwrap();
        let mode = Permissions::from_mode(metadata.permissions().mode() & !0o200);
        fs::set_permissions(&path, mode).unwrap();
        assert_reported("the mode");
        fs::set_permissions(&path, metadata.permissions()).unwrap();
        // Only root can give a file away. The owner of the directory is the gateway's account.
        if path != data_dir && chown(&path, Some(65_534), None).is_ok() {
            assert_reported("the owner");
            chown(&path, Some(metadata.uid()), None).unwrap();
        }
    }
    let found = findings(&visit(&gateway, &["--json"]), "permissions");
    assert_eq!(found[0]["verdict"], "ok", "{found:?}");
}

/// The gateway works without it.
#[test]
fn a_key_that_signs_nothing_is_reported_with_what_to_do() {
    let mut gateway = Gateway::stocked(&[("A", 5)]);
    let key = gateway.data_dir().join("device.key");
    let told = |gateway: &Gateway| findings(&visit(gateway, &["--json"]), "key").remove(0);
    assert_eq!(told(&gateway)["verdict"], "ok");
    for (bytes, mode, next) in [(&[1; 5][..], 0o600, "put back"), (&[1; 32], 0o200, "chown")] {
        gateway.terminate();
        fs::write(&key, bytes).unwrap();
        fs::set_permissions(&key, Permissions::from_mode(mode)).unwrap();
        gateway.launch();
        let told = told(&gateway);
        assert_eq!(told["verdict"], "wrong", "{told}");
        assert!(told["message"].as_str().unwrap().contains("not signed"), "{told}");
        assert!(told["next"].as_str().unwrap().contains(next), "{told}");
    }
}

/// It reads the key at its start.
#[test]
fn a_gateway_that_runs_without_a_key_says_so_until_it_is_started_with_one() {
    let mut gateway = Gateway::stocked(&[("A", 5)]);
    let key = gateway.data_dir().join("device.key");
    let whole = fs::read(&key).unwrap();
    let signed = |gateway: &Gateway| gateway.http().metric("stockgate_ledger_signed");
    let verdicts = |gateway: &Gateway| {
        let told = findings(&visit(gateway, &["--json"]), "key");
        told.iter().map(|told| told["verdict"].to_string()).collect::<Vec<_>>()
    };
    let (ok, wrong) = ("\"ok\"", "\"wrong\"");
    assert_eq!((signed(&gateway), verdicts(&gateway)), (1, vec![ok.into()]));
    fs::write(&key, &whole[..5]).unwrap();
    gateway.restart();
    assert_eq!((signed(&gateway), verdicts(&gateway)), (0, vec![wrong.into(), wrong.into()]));
    fs::write(&key, &whole).unwrap();
    assert_eq!((signed(&gateway), verdicts(&gateway)), (0, vec![ok.into(), wrong.into()]));
    gateway.restart();
    assert_eq!((signed(&gateway), verdicts(&gateway)), (1, vec![ok.into()]));
}

/// Root without the capability to read everything is like any other account.
#[test]
fn files_that_the_doctor_cannot_read_are_not_reported_as_sound() {
    let mut gateway = Gateway::stocked(&[("A", 5)]);
    gateway.terminate();
    let data_dir = gateway.data_dir();
    fs::set_permissions(&data_dir, Permissions::from_mode(0o700)).unwrap();
    let is_root = chown(&data_dir, Some(65_534), None).is_ok();
    if !is_root {
        fs::set_permissions(&data_dir, Permissions::from_mode(0o0)).unwrap();
    }
    let without = "setpriv --bounding-set=-dac_override,-dac_read_search";
    let runner = if is_root { without } else { "" };
    let mut command = Program::gateway().run_by(runner).command();
    let visit = run_to_end(command.args(["doctor", "--json", "--data-dir"]).arg(&data_dir));
    assert_eq!(visit.code, Some(1), "{visit:?}");
    let told = &findings(&visit, "permissions")[0];
    assert_eq!(told["verdict"], "skipped", "{told}");
    assert!(told["next"].as_str().unwrap().contains("as root"), "{told}");
    let told = &findings(&visit, "database")[0];
    assert!(!told["next"].as_str().unwrap_or_default().contains("restore"), "{told}");
    let said = told["message"].as_str().unwrap();
    let (owner, mode) = if is_root { ("nobody", "0700") } else { ("", "0000") };
    for part in ["no permission", data_dir.to_str().unwrap(), mode, &format!("sudo -u {owner}")] {
        assert!(said.contains(part), "{said}");
    }
    for check in ["locks", "space"] {
        assert_eq!(findings(&visit, check)[0]["verdict"], "skipped", "{visit:?}");
    }
    fs::set_permissions(&data_dir, Permissions::from_mode(0o700)).unwrap();
}
