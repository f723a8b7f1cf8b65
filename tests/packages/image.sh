# shellcheck shell=bash disable=SC2034,SC2154 # names that are not set here are those of `image` and `hub_image`
# Sourced by the checks of the images: what image and manifest say, and the image's files in $root.

field() { "$here/field" "$@"; }
of_pod() { field "$manifest" "$workload" spec template spec "$@"; }
blob() { echo "$work/oci/blobs/$(tr : / <<< "$1")"; }

unpack() {
    local index=$work/oci/index.json image layer
    mkdir "$work/oci" "$root"
    tar --extract --file "$archive" --directory "$work/oci"
    image=$(blob "$(field "$index" manifests 0 digest)")
    settings=$(blob "$(field "$image" config digest)")
    name=$(field "$index" manifests 0 annotations org.opencontainers.image.ref.name)
    field "$image" layers | while read -r layer; do
        tar --extract --gzip --file "$(blob "$(field <(echo "$layer") digest)")" --directory "$root"
    done
}
