//! When our certificate for the broker ends, in `check-config` and `doctor` of gateway and hub.

use std::process::Command;

use serde_json::Value;

use crate::support::broker::section;
use crate::support::certificates::{Authority, Identity, Made};
use crate::support::gateway::Gateway;
use crate::support::hub::Hub;
use crate::support::process::{free_port, run_to_end};
use crate::support::program::{stockgate, stockgate_hub};

/// Certificates of two days: when the one is made, what the doctor makes of it, and the line.
const CASES: [(&str, &str, &str); 3] = [
    ("+0d", "ok", "Z, in 1 day and 23 hours"),
    ("-40h", "note", "Z, in 0 days and 7 hours"),
    ("-10d", "wrong", "has ended "),
];

#[test]
fn check_config_and_doctor_of_gateway_and_hub_say_when_our_certificate_ends() {
    let authority = Authority::new();
    for (clock, verdict, words) in CASES {
        let made = Made { clock: Some(clock), ..Made::default() };
        let section = section_of(&authority, &authority.make("ours", "DNS:ours", made));
        let (gateway, hub) = (Gateway::prepare(&section), Hub::prepare(&section));
        for (program, config) in [
            (&stockgate as &dyn Fn() -> Command, gateway.config_path()),
            (&stockgate_hub, hub.config_path()),
        ] {
            let run = |arguments: &[&str]| {
                run_to_end(program().args(arguments).arg("--config").arg(&config))
            };
            let checked = run(&["check-config"]);
            assert_eq!(checked.stdout, "ok\n", "{checked:?}");
            assert!(checked.stderr.contains(": our certificate for the broker "), "{checked:?}");
            assert!(checked.stderr.contains(words), "{clock}: {checked:?}");
            let visit = run(&["doctor", "--json"]);
            let found = found(&visit.stdout);
            assert_eq!(found["verdict"], verdict, "{clock}: {found}");
            assert!(found["message"].as_str().unwrap().contains(words), "{clock}: {found}");
            let next = found["next"].as_str().unwrap_or_default();
            assert_eq!(next.contains("mqtt.cert_file"), verdict != "ok", "{clock}: {found}");
        }
    }
}

fn section_of(authority: &Authority, Identity { certificate, key }: &Identity) -> String {
    let files = [("ca_file", &authority.file()), ("cert_file", certificate), ("key_file", key)];
    let files = files.map(|(name, file)| (name, file.to_str().unwrap().to_owned()));
    let keys: Vec<_> = files.iter().map(|(name, file)| (*name, file.as_str())).collect();
    section(&format!("mqtts://127.0.0.1:{}", free_port()), &keys)
}

fn found(report: &str) -> Value {
    let report: Value = serde_json::from_str(report).unwrap();
    let findings = report["findings"].as_array().unwrap();
    let found = findings.iter().find(|finding| finding["check"] == "certificate");
    found.unwrap_or_else(|| panic!("nothing of the certificate: {report}")).clone()
}
