//! Text as a search compares it: letter case, accents and width make no difference, nor does whether
//! kana with sound marks and the syllables of Hangul are written as one character or in parts.

use std::collections::HashMap;
use std::sync::LazyLock;

/// Folds a text.
#[cfg(test)]
pub(super) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    fold_into(text, &mut folded);
    folded
}

/// Appends a folded text. Characters that are not in the table are only put into lower case.
pub(super) fn fold_into(text: &str, folded: &mut String) {
    if text.is_ascii() {
        folded.extend(text.chars().map(|char| char.to_ascii_lowercase()));
        return;
    }
    for char in text.chars().flat_map(char::to_lowercase) {
        match without_accents(char) {
            // Accents that follow their letter.
            '\u{300}'..='\u{36f}' => {}
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            // Full-width forms of ASCII.
            '\u{ff01}'..='\u{ff5e}' => {
                let narrow = char::from_u32(u32::from(char) - 0xfee0).unwrap_or(char);
                folded.push(narrow.to_ascii_lowercase());
            }
            '\u{3000}' => folded.push(' '),
            part
            @ ('\u{3099}' | '\u{309a}' | '\u{1161}'..='\u{1175}' | '\u{11a8}'..='\u{11c2}') => {
                match folded.chars().next_back().and_then(|before| together(before, part)) {
                    Some(char) => {
                        folded.pop();
                        folded.push(char);
                    }
                    None => folded.push(part),
                }
            }
            char => folded.push(char),
        }
    }
}

/// The one character that Unicode's form NFC makes of two: of a kana and the mark of its sound, or of
/// the parts of a syllable of Hangul.
fn together(before: char, part: char) -> Option<char> {
    let (before, part) = (u32::from(before), u32::from(part));
    // Katakana are in the order of hiragana.
    let kana = if (0x30a1..=0x30fe).contains(&before) { before - 0x60 } else { before };
    let together = match (kana, part) {
        (0x3046, 0x3099) => before + 0x4e,
        (0x308f..=0x3092, 0x3099) if kana != before => before + 8,
        (0x304b..=0x3061, 0x3099) if kana % 2 == 1 => before + 1,
        (0x3064 | 0x3066 | 0x3068 | 0x309d, 0x3099) => before + 1,
        (0x306f | 0x3072 | 0x3075 | 0x3078 | 0x307b, _) if part >= 0x3099 => before + part - 0x3098,
        (0x1100..=0x1112, 0x1161..=0x1175) => {
            0xac00 + ((before - 0x1100) * 21 + part - 0x1161) * 28
        }
        (0xac00..=0xd7a3, 0x11a8..=0x11c2) if (before - 0xac00).is_multiple_of(28) => {
            before + part - 0x11a7
        }
        _ => return None,
    };
    char::from_u32(together)
}

/// A letter without its accents, of which it may have several.
fn without_accents(mut char: char) -> char {
    while !char.is_ascii()
        && let Some(plain) = PLAIN.get(&char)
    {
        char = *plain;
    }
    char
}

/// Each letter with an accent, and the letter without, or with fewer.
static PLAIN: LazyLock<HashMap<char, char>> = LazyLock::new(|| {
    let group = |group: &'static str| {
        let mut chars = group.chars();
        let plain = chars.next();
        chars.filter_map(move |char| Some((char, plain?)))
    };
    ACCENTED.split_whitespace().flat_map(group).collect()
});

/// Groups of a letter and what folds to it: Latin, Greek and Cyrillic.
const ACCENTED: &str = "\
    aàáâãäåāăąǎǟǡǻȁȃȧḁạảấầẩẫậắằẳẵặ bḃḅḇ cçćĉċčḉ dðďđḋḍḏḑḓ eèéêëēĕėęěȅȇȩḕḗḙḛḝẹẻẽếềểễệ fḟ \
    gĝğġģǧǵḡ hĥħȟḣḥḧḩḫẖ iìíîïĩīĭįıǐȉȋɨḭḯỉị jĵǰ kķǩḱḳḵ lĺļľłḷḹḻḽ mḿṁṃ nñńņňŋǹṅṇṉṋ \
    oòóôõöøōŏőơǒǫǭȍȏȫȭȯȱṍṏṑṓọỏốồổỗộớờởỡợ pṕṗ rŕŗřȑȓṙṛṝṟ sśŝşšșṡṣṥṧṩ tţťŧțṫṭṯṱẗ \
    uùúûüũūŭůűųưǔǖǘǚǜȕȗṳṵṷṹṻụủứừửữự vṽṿ wŵẁẃẅẇẉẘ xẋẍ yýÿŷȳẏẙỳỵỷỹ zźżžẑẓẕ æǣǽ øǿ ſẛ ʒǯ ʹʹ \
    αάἀἁἂἃἄἅἆἇὰάᾀᾁᾂᾃᾄᾅᾆᾇᾰᾱᾲᾳᾴᾶᾷ εέἐἑἒἓἔἕὲέ ηήἠἡἢἣἤἥἦἧὴήᾐᾑᾒᾓᾔᾕᾖᾗῂῃῄῆῇ ιΐίϊἰἱἲἳἴἵἶἷὶίιῐῑῒΐῖῗ \
    οόὀὁὂὃὄὅὸό ρῤῥ σς υΰϋύὐὑὒὓὔὕὖὗὺύῠῡῢΰῦῧ ωώὠὡὢὣὤὥὦὧὼώᾠᾡᾢᾣᾤᾥᾦᾧῲῳῴῶῷ ϒϓϔ \
    аӑӓ гѓ еѐёӗ әӛ жӂӝ зӟ ийѝӣӥ кќ оӧ өӫ уўӯӱӳ чӵ ыӹ эӭ ії ѵѷ";

#[cfg(test)]
mod tests {
    use super::*;

    /// Each lower-case letter of the Latin, Greek and Cyrillic blocks that is decomposed in Unicode's
    /// form NFD, after the letter that is left of it without its accents.
    const NFD: &str = "\
    aàáâãäåāăąǎǟǡǻȁȃȧḁạảấầẩẫậắằẳẵặ cçćĉċčḉ eèéêëēĕėęěȅȇȩḕḗḙḛḝẹẻẽếềểễệ iìíîïĩīĭįǐȉȋḭḯỉị \
    nñńņňǹṅṇṉṋ oòóôõöōŏőơǒǫǭȍȏȫȭȯȱṍṏṑṓọỏốồổỗộớờởỡợ uùúûüũūŭůűųưǔǖǘǚǜȕȗṳṵṷṹṻụủứừửữự yýÿŷȳẏẙỳỵỷỹ \
    dďḋḍḏḑḓ gĝğġģǧǵḡ hĥȟḣḥḧḩḫẖ jĵǰ kķǩḱḳḵ lĺļľḷḹḻḽ rŕŗřȑȓṙṛṝṟ sśŝşšșṡṣṥṧṩ tţťțṫṭṯṱẗ wŵẁẃẅẇẉẘ \
    zźżžẑẓẕ æǣǽ ʒǯ øǿ ʹʹ ιΐίϊἰἱἲἳἴἵἶἷὶίιῐῑῒΐῖῗ αάἀἁἂἃἄἅἆἇὰάᾀᾁᾂᾃᾄᾅᾆᾇᾰᾱᾲᾳᾴᾶᾷ εέἐἑἒἓἔἕὲέ \
    ηήἠἡἢἣἤἥἦἧὴήᾐᾑᾒᾓᾔᾕᾖᾗῂῃῄῆῇ υΰϋύὐὑὒὓὔὕὖὗὺύῠῡῢΰῦῧ οόὀὁὂὃὄὅὸό ωώὠὡὢὣὤὥὦὧὼώᾠᾡᾢᾣᾤᾥᾦᾧῲῳῴῶῷ ϒϓϔ \
    ийѝӣӥ еѐёӗ гѓ ії кќ уўӯӱӳ ѵѷ жӂӝ аӑӓ әӛ зӟ оӧ өӫ эӭ чӵ ыӹ bḃḅḇ fḟ mḿṁṃ pṕṗ vṽṿ xẋẍ ſẛ ρῤῥ";

    #[test]
    fn a_letter_is_found_without_any_of_its_accents() {
        for group in NFD.split_whitespace() {
            let mut letters = group.chars();
            let plain = fold(&letters.next().unwrap().to_string());
            for letter in letters {
                assert_eq!(fold(&letter.to_string()), plain, "{letter}");
            }
        }
        assert_eq!(fold("Ǿre ǽ ǣ"), "ore ae ae");
    }

    #[test]
    fn kana_and_hangul_are_found_whole_or_in_parts() {
        // What is one character in Unicode's form NFC, in pairs with what NFD makes of it.
        let (kana, decomposed) = (
            "がぎぐげござじずぜぞだぢづでどばぱびぴぶぷべぺぼぽゔゞガギグゲゴザジズゼゾダヂヅデドバパビピブプベペボポヴヷヸヹヺヾ",
            "か\u{3099}き\u{3099}く\u{3099}け\u{3099}こ\u{3099}さ\u{3099}し\u{3099}す\u{3099}せ\u{3099}そ\u{3099}\
             た\u{3099}ち\u{3099}つ\u{3099}て\u{3099}と\u{3099}は\u{3099}は\u{309a}ひ\u{3099}ひ\u{309a}ふ\u{3099}ふ\u{309a}\
             へ\u{3099}へ\u{309a}ほ\u{3099}ほ\u{309a}う\u{3099}ゝ\u{3099}\
             カ\u{3099}キ\u{3099}ク\u{3099}ケ\u{3099}コ\u{3099}サ\u{3099}シ\u{3099}ス\u{3099}セ\u{3099}ソ\u{3099}\
             タ\u{3099}チ\u{3099}ツ\u{3099}テ\u{3099}ト\u{3099}ハ\u{3099}ハ\u{309a}ヒ\u{3099}ヒ\u{309a}フ\u{3099}フ\u{309a}\
             ヘ\u{3099}ヘ\u{309a}ホ\u{3099}ホ\u{309a}ウ\u{3099}ワ\u{3099}ヰ\u{3099}ヱ\u{3099}ヲ\u{3099}ヽ\u{3099}",
        );
        assert_eq!(fold(kana), kana);
        assert_eq!(fold(decomposed), kana);
        let syllables = || '가'..='힣';
        for (at, syllable) in (0..).zip(syllables()) {
            let part = |from: u32, at: u32| char::from_u32(from + at).unwrap();
            let mut parts = String::from(part(0x1100, at / 588));
            parts.push(part(0x1161, at % 588 / 28));
            if at % 28 > 0 {
                parts.push(part(0x11a7, at % 28));
            }
            assert_eq!(fold(&parts), syllable.to_string());
        }
        assert_eq!(syllables().count(), 11_172);
        for text in [
            "あ\u{3099}",
            "ん\u{309a}",
            "か\u{309a}",
            "わ\u{3099}",
            "각\u{11a8}",
            "\u{1161}",
            "\u{3099}",
        ] {
            assert_eq!(fold(text), text, "there is no such character");
        }
    }

    #[test]
    fn case_accents_and_width_make_no_difference() {
        for (text, folded) in [
            ("CREAM Hanging", "cream hanging"),
            ("Crème BRÛLÉE", "creme brulee"),
            ("Cre\u{300}me", "creme"),
            ("Straße GROẞ", "strasse gross"),
            ("Łódź Çeşme Ñandú", "lodz cesme nandu"),
            ("Ærø œuf", "aero oeuf"),
            ("ΆΛΦΑ ς", "αλφα σ"),
            ("Ёлка", "елка"),
            ("Phở", "pho"),
            ("ＳＫＵ\u{3000}１", "sku 1"),
            ("螺丝", "螺丝"),
        ] {
            assert_eq!(fold(text), folded);
        }
    }
}
