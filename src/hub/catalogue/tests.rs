use super::*;
use crate::stock::{Barcode, Decimals};

const DESCRIPTION: &str = include_str!("../../../docs/hub.openapi.json");

#[test]
fn columns_are_found_in_any_order_case_and_dialect() {
    for text in [
        "sku,name,barcodes,unit,decimals\nA,\"Lamp, white\",4006381333931 14006381333938*12,kg,3\n",
        "\u{feff}Decimals;BARCODES;Unit;Name;SKU\r\n3;4006381333931 14006381333938*12;kg;\"Lamp, white\";A\r\n",
        "barcodes\tsku \tname\tunit\tdecimals\n4006381333931 14006381333938*12.000\tA\tLamp, white\tkg\t3",
        "\"sku\", \"name\",  \"barcodes\" ,\"unit\",\"decimals\"\n\"A\",\"Lamp, white\",4006381333931 14006381333938*12,kg,3",
    ] {
        let read = read_catalogue(text.as_bytes()).unwrap();
        let (line, listing) = &read.listings[0];
        assert_eq!((*line, read.listings.len(), &read.warnings[..]), (2, 1, &[][..]), "{text:?}");
        assert_eq!(listing.name.as_deref(), Some("Lamp, white"));
        assert_eq!((listing.unit.as_deref(), listing.decimals), (Some("kg"), three()));
        let contents: Vec<u64> = listing.barcodes.iter().map(|barcode| barcode.content).collect();
        assert_eq!(contents, [1_000, 12_000], "in the smallest unit");
    }
}

#[test]
fn what_is_ruined_is_refused_with_its_line() {
    for (text, why) in [
        ("", "not even a first line"),
        ("sku,name\nA,b\n", "line 1: column barcodes is missing"),
        ("sku,name,barcodes,price\n", "line 1: column \"price\" is not known"),
        ("sku,name,barcodes,SKU\n", "line 1: column sku is there twice"),
        ("sku,name,barcodes\nA,a,1\nA,b,2\n", "line 3: SKU A is in line 2"),
        ("sku,name,barcodes,unit\nA,a,,kg\nA ,a,,g\n", "line 3: SKU A is in line 2"),
        ("sku,name,barcodes\n8.5E+05,a,\n", "line 2: sku: \"8.5E+05\" is a number in the scient"),
        ("sku,name,barcodes\nA,#NAME?,\n", "line 2: name:"),
        ("sku,name,barcodes\nA_x000D_,a,\n", "line 2: sku: \"A_x000D_\" has a control"),
        (
            "sku,name,barcodes\nA,a,_x001D_0104006381333931\n",
            "line 2: barcode _x001D_0104006381333931 has",
        ),
        ("sku,name,barcodes\n,a,1\n", "line 2: sku"),
        ("sku,name,barcodes\nA,a,1,2\n", "line 2: has 4 columns"),
        ("sku,name,barcodes\nA,\"a,1\nB,b,\n", "line 2: the quote"),
        ("sku,name,barcodes\nA,\"a\nb\",1\n", "line 2: name:"),
        ("sku,name,barcodes,decimals\nA,a,,7\n", "line 2: decimals: must be 0 to 6"),
        ("sku,name,barcodes,decimals\nA,a,,0.5\n", "line 2: decimals: must be 0 to 6"),
        (
            "sku,name,barcodes\nA1\u{200b},a,\n",
            "line 2: sku: must not begin or end with white space",
        ),
        ("sku,name,barcodes\n\u{feff}\u{2060}A1,a,\n", "does with U+"),
        ("sku,name,barcodes,unit\nA,a,,seventeen letters\n", "line 2: unit:"),
    ] {
        is_refused(text.as_bytes(), why);
    }
    for (bytes, why) in [
        (&b"sku,name,barcodes\nA,Gr\xfcn,\n"[..], "line 2: is not UTF-8 (byte 0xfc)"),
        (b"\xff\xfes\0k\0u\0", "UTF-16"),
        (b"sku,name,barcodes\nA,\0,\n", "line 2: contains a zero byte"),
    ] {
        is_refused(bytes, why);
    }
}

#[test]
fn a_barcode_that_is_ruined_is_refused_with_its_line() {
    for (text, why) in [
        (
            "sku,name,barcodes\nA,a,1\nB,b,1\n",
            "line 3: barcode 1 stands for SKU A already, in line 2",
        ),
        (
            "sku,name,barcodes\nA,a,036000291452\nB,b,0036000291452\n",
            "line 3: barcode 0036000291452",
        ),
        ("sku,name,barcodes\nA,a,4006381333932\n", "line 2: barcode 4006381333932"),
        ("sku,name,barcodes\nA,a,340123450000000011\n", "line 2: barcode 340123450000000011"),
        ("sku,name,barcodes\nA,a,0-8044-2957-1\n", "line 2: barcode 0-8044-2957-1: the check"),
        (
            "sku,name,barcodes\nA,a,978-0-201-37962-4\nB,b,9780201379624\n",
            "line 3: barcode 9780201379624 stands for SKU A already",
        ),
        (
            "sku,name,barcodes\n978-0-201-37962-4,a,\nB,b,9780201379624\n",
            "line 3: barcode 9780201379624 is the SKU of line 2",
        ),
        (
            "sku,name,barcodes\nA,a,4.00638E+12\n",
            "line 2: barcode 4.00638E+12 is a number in the scient",
        ),
        ("sku,name,barcodes\nA,a,4 006 381 333 931\n", "line 2: barcodes:"),
        ("sku,name,barcodes\nA,a,B\nB,b,\n", "line 2: barcode B is the SKU of line 3"),
        (
            "sku,name,barcodes\nA,a,\"4,006,381,333,931 96385074\"\n",
            "line 2: barcode 4,006,381,333,931: is one number",
        ),
        ("sku,name,barcodes\nA,a,1*0\n", "line 2: barcode 1*0"),
        ("sku,name,barcodes\nA,a,1*1.5\n", "line 2: barcode 1*1.5"),
        ("sku,name,barcodes\nA,a,1*1000000001\n", "line 2: barcode 1*1000000001"),
        ("sku,name,barcodes,decimals\nA,a,1*1000000.001,3\n", "line 2: barcode 1*1000000.001"),
        (
            "sku,name,barcodes\nA,a,\"4006381333931,036000291452\"\n",
            "line 2: barcode 4006381333931,036000291452: are several",
        ),
        (
            "sku,name,barcodes\nA,a,\"4006381333931, 96385074\"\n",
            "line 2: barcode 4006381333931,: are several",
        ),
        (
            "sku,name,barcodes\nA,a,(01)04006381333931\n",
            "line 2: barcode (01)04006381333931: is a GS1",
        ),
        ("sku,name,barcodes\nA,a,]C10104006381333931\n", "line 2: barcode ]C1"),
        (
            "sku,name,barcodes\nA,a,https://id.gs1.org/01/04006381333931\n",
            "line 2: barcode https://id.gs1.org",
        ),
        ("sku,name,barcodes\nA,a,B\u{202e}1\n", "line 2: barcode \"B\\u{202e}1\": contains"),
        ("sku,name,barcodes\nA,a,1*2 1*3\n", "line 2: barcode 1*3 is there with two contents"),
        (
            "sku,name,barcodes\nA,a,4006381333931 04006381333931*12\n",
            "line 2: barcode 04006381333931 is there with two contents",
        ),
        (
            "sku,name,barcodes\nA,a,4006381333931*12*2\n",
            "barcode 4006381333931*12: has two contents",
        ),
    ] {
        is_refused(text.as_bytes(), why);
    }
}

fn is_refused(catalogue: &[u8], why: &str) {
    let problem = read_catalogue(catalogue).unwrap_err();
    let text = String::from_utf8_lossy(catalogue);
    assert!(problem.message.contains(why), "{text:?}: {}", problem.message);
}

#[test]
fn every_line_that_is_ruined_is_named() {
    let text = "sku,name,barcodes\nA,a,4006381333932\nB,b,\nC,c,4.00638E+12\n";
    let message = read_catalogue(text.as_bytes()).unwrap_err().message;
    assert!(message.contains("line 2") && message.contains("line 4"), "{message}");
}

/// Rows, the line of the warning, its code (none without one), and the number of listings.
const DOUBTFUL: &[(&str, u64, &str, usize)] = &[
    ("A1,x,\nA1 ,x,\n", 3, "duplicate_sku", 1),
    ("A1,x,\nA1,x,\n", 3, "duplicate_sku", 1),
    ("A1,x ,\n", 2, "blanks_trimmed", 1),
    ("A1,x,\na1,x,\n", 3, "similar_sku", 2),
    ("A1,x,\nA-1,x,\n", 3, "similar_sku", 2),
    ("A1,x,\n\u{410}1,x,\n", 3, "similar_sku", 2),
    ("A10,x,\nAlO,x,\n", 3, "similar_sku", 2),
    ("A\u{202e}1,x,\n", 2, "invisible_character", 1),
    ("A\u{200b}1,x,\n", 2, "invisible_character", 1),
    ("A1,x\u{202e}y,\n", 2, "invisible_character", 1),
    ("A1,x,A|B\n", 2, "separator_in_barcode", 1),
    ("A1,x,1*1000000000\n", 2, "", 1),
    ("A1,x,4006381333931x12\n", 2, "unusual_barcode", 1),
    ("A1,x,96385074\u{d7}6\n", 2, "unusual_barcode", 1),
    ("A1,x,00340063813339300002\n", 2, "unusual_barcode", 1),
    ("123,x,\n0123,x,\n", 3, "similar_sku", 2),
    ("A1,x,36000291452\n", 2, "lost_zero", 1),
    ("A1,x,34012345000000000012\n", 2, "", 1),
    ("A1,x,3401234500000000000\n", 2, "lost_digits", 1),
    ("1-Mar,x,\n", 2, "looks_like_date", 1),
    ("22423.0,x,\n22423,x,\n", 2, "added_decimals", 2),
    ("22423,x,\n\"22423,00\",x,\n", 3, "added_decimals", 2),
    ("4006381333932,x,\n", 2, "wrong_check_digit", 1),
    ("A1,Caf\u{c3}\u{a9},\n", 2, "looks_misread", 1),
    ("A1,Tea at \u{c2}\u{a3}5,\n", 2, "looks_misread", 1),
    ("A1,x,4006381333931\nB1,y,14006381333938\n", 3, "carton_without_content", 2),
    ("A1,x\n", 2, "missing_cells", 1),
    ("A1,x,1 1\n", 2, "barcode_twice", 1),
    ("A1,x,4006381333931*2 04006381333931*2\n", 2, "barcode_twice", 1),
    ("A1,x,14006381333938*1.000\n", 2, "content_in_thousands", 1),
    ("A1,x,14006381333938*12.0\n", 2, "", 1),
    ("A1,x,4006381333931-036000291452\n", 2, "separator_in_barcode", 1),
    ("A1,x,\u{ff14}006381333931\n", 2, "unusual_barcode", 1),
    ("A1,x,n/a\n", 2, "unusual_barcode", 1),
    ("=A2&B2,x,\n", 2, "looks_like_formula", 1),
    ("96385074,x,\n", 2, "short_gtin", 1),
    ("01234565,x,\n", 2, "short_gtin", 1),
    ("96385074,x,96385074\n", 2, "", 1),
    ("4006381333931,x,\n", 2, "", 1),
    ("CAN,x,012345000065\n123456,y,\n", 3, "short_upc", 2),
    ("CAN,x,012345000065\nB,y,0123456\n", 3, "short_upc", 2),
    ("123456,y,\n012345000065,x,\n", 2, "short_upc", 2),
    ("123456,x,012345000065\n", 2, "", 1),
    ("123456,x,\n", 2, "", 1),
    ("O1,x,\n01,x,\n", 3, "similar_sku", 2),
    ("7,x,\nOO7,x,\n", 3, "similar_sku", 2),
    ("0,x,\n00,x,\n", 3, "", 2),
    ("A1,x,box-a\nB1,x,BOX-A\n", 3, "similar_barcode", 2),
    ("A1,x,b1\nB1,x,\n", 2, "similar_barcode", 2),
    ("A1,x,a1 bx BX\n", 2, "", 1),
    ("5e12,x,\n", 2, "looks_scientific", 1),
    ("A1,x,5E12\n", 2, "looks_scientific", 1),
    ("12E45,x,E12 5E\n", 2, "", 1),
    ("A1,x,40063813339319780201379624\n", 2, "unusual_barcode", 1),
    ("A1,x,340063813339300002\n", 2, "unusual_barcode", 1),
    ("A1,x,400-6381-333931\n", 2, "unusual_barcode", 1),
    ("A1,x,1234567890\n", 2, "", 1),
];

#[test]
fn what_is_doubtful_is_taken_with_a_warning() {
    for &(rows, line, code, count) in DOUBTFUL {
        let text = format!("sku,name,barcodes\n{rows}");
        let ReadCatalogue { listings, warnings } = read_catalogue(text.as_bytes()).unwrap();
        assert_eq!(listings.len(), count, "{rows:?}: {warnings:?}");
        let is_warned = warnings.iter().any(|found| (found.line, found.code) == (line, code));
        let is_right = if code.is_empty() { warnings.is_empty() } else { is_warned };
        assert!(
            code.is_empty() || DESCRIPTION.contains(&format!("{code:?}")),
            "{code} is not described"
        );
        assert!(is_right, "{rows:?}: {warnings:?}");
    }
}

#[test]
fn warnings_are_limited_in_number() {
    let rows: String = (0..2_000).map(|n| format!("S{n} ,x,\n")).collect();
    let read = read_catalogue(format!("sku,name,barcodes\n{rows}").as_bytes()).unwrap();
    assert_eq!((read.listings.len(), read.warnings.len()), (2_000, 1_001));
    assert_eq!(read.warnings.last().unwrap().code, "more_warnings");
}

#[test]
fn what_is_written_reads_the_same() {
    let text = "sku,name,barcodes,unit,decimals\n\
        A,\"Say \"\"x\"\"; y\",4006381333931 14006381333938*12,,\n\
        APPLE,Apples,bag*2.5 loose,kg,3\n\
        Z,,A*B*1,,\n";
    let read = |text: &str| -> Vec<Listing> {
        let read = read_catalogue(text.as_bytes()).unwrap();
        read.listings.into_iter().map(|(_, listing)| listing).collect()
    };
    let mut listings = read(text);
    assert_eq!(listings[2].barcodes, [Barcode::single("A*B")]);
    assert_eq!(write_catalogue(&listings), text);
    assert_eq!(read(&write_catalogue(&listings)), listings);
    listings[0] = Listing::removed(listings[0].sku.clone());
    assert_eq!(read(&write_catalogue(&listings)), listings[1..], "what is removed is left out");
}

/// Item numbers of 8 digits have the check digit of an EAN-8 by chance.
#[test]
fn what_may_be_chance_hides_no_other_warning() {
    let rows: String = (10_000_000..10_004_000).map(|n| format!("{n},x,\n")).collect();
    let read = read_catalogue(format!("sku,name,barcodes\n{rows}Z ,z,\n").as_bytes()).unwrap();
    assert_eq!(read.warnings.len(), 22, "{:?}", read.warnings);
    assert!(read.warnings[20].message.contains(" more SKUs"), "{:?}", read.warnings);
    assert_eq!(read.warnings.last().unwrap().code, "blanks_trimmed");
}

fn three() -> Decimals {
    Decimals::try_from(3).unwrap()
}
