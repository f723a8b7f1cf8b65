//! The fields of a JSON object, of which a request takes its own.

use serde::Deserialize;

/// Defines a struct that holds the fields of a JSON object, each of them optional, among them
/// `lines`.
///
/// A request reads the object first and then takes the fields of its operation, because these may
/// stand before the field that names the operation. What is left over is an error, so that a
/// misspelt field never passes unnoticed, whatever its value. Hence `left_over`, and [`Given`].
macro_rules! json_fields {
    ($(#[$attribute:meta])* $visibility:vis struct $name:ident {
        $($field:ident: $kind:ty,)*
    }) => {
        $(#[$attribute])*
        #[derive(Debug, Default)]
        $visibility struct $name {
            $($visibility $field: $crate::net::json_fields::Given<$kind>,)*
            /// The first field that no request has.
            unknown: Option<String>,
        }

        impl $name {
            /// Reads a JSON object.
            ///
            /// # Errors
            /// Says where the text is malformed.
            $visibility fn read(json: &[u8]) -> Result<Self, $crate::problem::Problem> {
                $crate::net::request::read_json(json)
            }

            /// Checks that every field has been taken.
            ///
            /// # Errors
            /// Names one that has not.
            $visibility fn expect_empty(&self) -> Result<(), $crate::problem::Problem> {
                match self.left_over() {
                    None => Ok(()),
                    Some(field) => Err($crate::problem::Problem::bad_request(format!(
                        "{field}: this operation has no such field"
                    ))),
                }
            }

            fn left_over(&self) -> Option<&str> {
                $(if self.$field.is_given() {
                    return Some(stringify!($field));
                })*
                self.unknown.as_deref()
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(
                deserializer: D,
            ) -> Result<Self, D::Error> {
                struct Fields;

                impl<'de> serde::de::Visitor<'de> for Fields {
                    type Value = $name;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("a JSON object")
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(
                        self,
                        mut map: A,
                    ) -> Result<$name, A::Error> {
                        use serde::de::Error as _;

                        let mut fields = $name::default();
                        while let Some($crate::net::json_fields::FieldName(key)) = map.next_key()? {
                            match &*key {
                                $(stringify!($field) => {
                                    if fields.$field.is_given() {
                                        return Err(A::Error::duplicate_field(
                                            stringify!($field),
                                        ));
                                    }
                                    let value = map.next_value().map_err(|error| {
                                        let place = stringify!($field);
                                        A::Error::custom($crate::net::request::at(place, &error))
                                    })?;
                                    fields.$field =
                                        $crate::net::json_fields::Given(Some(value));
                                })*
                                _ => {
                                    map.next_value::<serde::de::IgnoredAny>()?;
                                    fields.unknown.get_or_insert_with(|| key.into_owned());
                                }
                            }
                        }
                        Ok(fields)
                    }
                }

                deserializer.deserialize_map(Fields)
            }
        }
    };
}
pub(crate) use json_fields;

/// A field of an object: absent, `null`, or with a value.
#[derive(Debug)]
pub(crate) struct Given<T>(pub(crate) Option<Option<T>>);

impl<T> Given<T> {
    /// The value, if there is one. The field is absent from then on.
    pub(crate) fn take(&mut self) -> Option<T> {
        self.0.take().flatten()
    }

    /// Whether it is there, be it `null`.
    pub(crate) fn is_given(&self) -> bool {
        self.0.is_some()
    }

    /// Whether it is there without a value. Where all of something is meant without the field, that is
    /// a mistake.
    pub(crate) fn is_null(&self) -> bool {
        matches!(self.0, Some(None))
    }
}

impl<T> Default for Given<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> From<Option<T>> for Given<T> {
    /// A field with this value; absent without one.
    fn from(value: Option<T>) -> Self {
        Self(value.map(Some))
    }
}

/// The name of a field, which is copied only if it has an escape.
#[derive(Deserialize)]
pub(crate) struct FieldName<'a>(#[serde(borrow)] pub(crate) std::borrow::Cow<'a, str>);
