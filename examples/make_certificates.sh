#!/usr/bin/env bash
# Certificates for a federation over TLS, with the openssl program. bash examples/make_certificates.sh --help
set -euo pipefail

me=${0##*/}
usage() {
  cat <<TEXT
usage: bash examples/$me COMMAND ...

For a federation, each command on the machine that it belongs to. A private key never leaves the place where it was made.

  authority DIR [--name NAME] [--days N] [--no-passphrase]
      On a machine without network: a certificate authority, DIR/authority.key and DIR/authority.pem. Every party gets
      authority.pem. The key is encrypted; the passphrase is asked for, or read with --passphrase-file.
  request DIR ID [--coordinator HOST...]
      At each site, and at the coordinator: a private key DIR/ID.key (mode 0600) and DIR/ID.csr, which goes to the
      authority. An ID is 1 to 64 of a-z 0-9 _ -. With --coordinator the rest are the host names and IP addresses by which
      the sites reach it. Encrypted if --passphrase-file is given before that.
  sign CA_DIR CSR [--days N] [--out FILE] [--coordinator HOST...]
      At the authority: a certificate beside the CSR. For a site: the URI urn:healthai:site:ID and clientAuth. With
      --coordinator: these hosts, and serverAuth; the request alone does not make a coordinator. Compare the pin that is
      printed with whoever sent the request, by telephone, before you send the certificate back.
  roster CERTIFICATE... > roster.json
      The sites' ids and pins. Two certificates of one site give it two pins: this key and the next.
  check CERTIFICATE...
      What they are, and until when. The exit status is 1 if one has expired or will within 30 days.

  demonstration DIR HOST SITE...
      All of it on this machine, for a first try. NOT for real data: see what it prints.

  --days N                days that a certificate is valid: 365, an authority's 3650
  --passphrase-file FILE  first line: the passphrase of the key that is made or used. Never on the command line, where
                          everybody on the machine can read it
  --help

Keys are ECDSA with P-256: about the fastest to sign with in OpenSSL, and allowed where FIPS 140 rules. The library also
takes other certificates (Ed25519, RSA from 2048 bits), if they have the names and usages above.
TEXT
}

quiet=no
say() { [[ $quiet == yes ]] || printf '%s\n' "$*" >&2; }
fail() {
  printf '%s: %s\n' "$me" "$*" >&2
  exit 2
}

# --- names ---

require_id() {
  [[ $1 =~ ^[a-z0-9_-]{1,64}$ ]] || fail "expected an id of 1 to 64 characters of a-z 0-9 _ -, got \"$1\""
}

# HOST... -> DNS:a,IP:b
alternative_names() {
  local host names=()
  for host in "$@"; do
    if [[ $host =~ ^[0-9]{1,3}(\.[0-9]{1,3}){3}$ || $host =~ ^[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*$ ]]; then
      names+=("IP:$host")
    elif [[ $host =~ ^(\*\.)?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$ && ${#host} -le 253 ]]; then
      names+=("DNS:$host")
    else
      fail "expected a host name or an IP address, got \"$host\""
    fi
  done
  ((${#names[@]} > 0)) || fail "--coordinator needs the host names or IP addresses by which the sites reach it"
  local IFS=,
  printf '%s' "${names[*]}"
}

# --- openssl ---

# Says what openssl said only if it fails.
quietly() {
  local said
  if ! said=$("$@" 2>&1); then
    printf '%s\n' "$said" >&2
    fail "openssl failed: $1 $2 ...; the reason is above"
  fi
}

# So that nothing of the machine's own openssl.cnf gets into a certificate.
plain_configuration() { printf '[req]\ndistinguished_name = name\n[name]\n'; }

pin_of_public_key() {
  local digest
  digest=$(openssl pkey -pubin -outform DER | openssl dgst -sha256 -r)
  printf '%s' "${digest%% *}"
}
pin_of() { openssl x509 -in "$1" -noout -pubkey | pin_of_public_key; }

# The one value of an extension, without the spaces before it.
extension() {
  local lines
  mapfile -t lines < <(openssl x509 -in "$1" -noout -ext "$2" 2>/dev/null)
  [[ ${lines[1]:-} =~ ^\ *(.*)$ ]] && printf '%s' "${BASH_REMATCH[1]}"
}

require_certificate() {
  [[ -r $1 ]] || fail "$1: expected a certificate, but there is no such file that you may read"
  openssl x509 -in "$1" -noout 2>/dev/null || fail "$1: expected a certificate in PEM, got something else"
}

# The id that a certificate names; empty if it is not a site's.
site_of() {
  local names
  names=$(extension "$1" subjectAltName)
  [[ $names =~ ^URI:urn:healthai:site:([a-z0-9_-]{1,64})$ && $(extension "$1" extendedKeyUsage) == *"TLS Web Client"* ]] ||
    return 0
  printf '%s' "${BASH_REMATCH[1]}"
}

make_key() { # FILE; encrypted: yes, no
  [[ ! -e $1 ]] || fail "$1 exists already: a key is not replaced; move it away, or choose another folder"
  local pass=()
  if [[ $2 == yes ]]; then
    pass=(-aes-256-cbc)
    [[ -z $passphrase_file ]] || pass+=(-pass "file:$passphrase_file")
  fi
  if [[ $2 == yes && -z $passphrase_file ]]; then # a prompt must be seen
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 "${pass[@]}" -out "$1" ||
      fail "no key was made; without a terminal to ask at, give --passphrase-file"
  else
    quietly openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 "${pass[@]}" -out "$1"
  fi
  chmod 600 "$1"
}

# --- commands ---

authority() { # DIR
  local folder=$1
  mkdir -p "$folder"
  chmod 700 "$folder"
  [[ ! -e $folder/authority.pem ]] || fail "$folder/authority.pem exists already"
  make_key "$folder/authority.key" "$encrypt_authority"
  openssl_with_passphrase req -x509 -new -key "$folder/authority.key" -config <(plain_configuration) -sha256 \
    -utf8 -subj "/CN=${authority_name//\//\\/}" -days "${days:-3650}" -addext 'basicConstraints=critical,CA:TRUE,pathlen:0' \
    -addext 'keyUsage=critical,keyCertSign,cRLSign' -addext 'subjectKeyIdentifier=hash' -out "$folder/authority.pem"
  chmod 644 "$folder/authority.pem"
  say "Made $folder/authority.key, which stays here, and $folder/authority.pem, for every party."
}

# openssl ARGUMENTS..., with the passphrase of a key that may need one
openssl_with_passphrase() {
  if [[ -n $passphrase_file ]]; then
    quietly openssl "$@" -passin "file:$passphrase_file"
  elif [[ $encrypt_authority == yes ]]; then
    openssl "$@" || fail "openssl failed; the reason is above"
  else
    quietly openssl "$@"
  fi
}

request() { # DIR ID
  local folder=$1 id=$2 names=() encrypt=no
  require_id "$id"
  if [[ $coordinator == yes ]]; then
    names=(-addext "subjectAltName=$(alternative_names "${hosts[@]}")")
  fi
  [[ ! -e $folder/$id.csr ]] || fail "$folder/$id.csr exists already"
  mkdir -p "$folder"
  [[ -z $passphrase_file ]] || encrypt=yes
  make_key "$folder/$id.key" "$encrypt"
  local pass=()
  [[ -z $passphrase_file ]] || pass=(-passin "file:$passphrase_file")
  quietly openssl req -new -key "$folder/$id.key" "${pass[@]}" -config <(plain_configuration) -sha256 \
    -subj "/CN=$id" "${names[@]}" -out "$folder/$id.csr"
  chmod 644 "$folder/$id.csr"
  [[ $quiet == no ]] || return 0
  say "Made $folder/$id.key, which stays here, and $folder/$id.csr, for the authority. Tell it this pin by telephone:"
  say "  $(openssl req -in "$folder/$id.csr" -noout -pubkey | pin_of_public_key)"
}

sign() { # CA_DIR CSR
  local folder=$1 csr=$2 subject id extensions asked out
  [[ -r $folder/authority.key && -r $folder/authority.pem ]] ||
    fail "$folder: expected authority.key and authority.pem there; \"$me authority $folder\" makes them"
  [[ -r $csr ]] || fail "$csr: expected a request, but there is no such file that you may read"
  openssl req -in "$csr" -noout -verify >/dev/null 2>&1 ||
    fail "$csr: expected a request in PEM, signed with its own key; got something else"
  subject=$(openssl req -in "$csr" -noout -subject -nameopt RFC2253)
  id=${subject#subject=CN=}
  [[ $subject == "subject=CN=$id" ]] || id=$subject
  require_id "$id"
  out=${out_file:-${csr%.csr}.pem}
  [[ ! -e $out ]] || fail "$out exists already: move it away, or give --out FILE"
  asked=$(openssl req -in "$csr" -noout -text | grep -c 'X509v3 Subject Alternative Name' || true)
  if [[ $coordinator == yes ]]; then
    extensions="extendedKeyUsage = serverAuth
subjectAltName = $(alternative_names "${hosts[@]}")"
  elif ((asked > 0)); then
    fail "$csr asks for names of its own, as a coordinator does. If it shall be the coordinator, say so with" \
      "--coordinator HOST..."
  else
    extensions="extendedKeyUsage = clientAuth
subjectAltName = URI:urn:healthai:site:$id"
  fi
  openssl_with_passphrase x509 -req -in "$csr" -CA "$folder/authority.pem" -CAkey "$folder/authority.key" -sha256 \
    -set_serial "0x4$(openssl rand -hex 15)" -days "${days:-365}" -out "$out" -extfile <(
      printf '%s\n' 'basicConstraints = critical,CA:FALSE' 'keyUsage = critical,digitalSignature' \
        'subjectKeyIdentifier = hash' 'authorityKeyIdentifier = keyid' "$extensions"
    )
  chmod 644 "$out"
  [[ $quiet == no ]] || return 0
  say "Made $out, ${extensions##* = }. Is this the pin that they told you?"
  say "  $(pin_of "$out")"
}

roster() { # CERTIFICATE...
  local file id pin separator=''
  local -A pins=()
  for file in "$@"; do
    require_certificate "$file"
    id=$(site_of "$file")
    [[ -n $id ]] || fail "$file: expected a site's certificate (one URI, urn:healthai:site:ID, and clientAuth)"
    pin=$(pin_of "$file")
    [[ ${pins[$id]:-} != *$pin* ]] || continue
    pins[$id]+=${pins[$id]:+, }\"$pin\"
  done
  printf '{"sites": ['
  while read -r id; do
    printf '%s\n  {"id": "%s", "pins": [%s]}' "$separator" "$id" "${pins[$id]}"
    separator=,
  done < <(printf '%s\n' "${!pins[@]}" | LC_ALL=C sort)
  printf '\n]}\n'
}

check() { # CERTIFICATE...
  local file id status=0
  for file in "$@"; do
    require_certificate "$file"
    id=$(site_of "$file")
    if [[ -n $id ]]; then
      printf '%s: site %s, pin %s' "$file" "$id" "$(pin_of "$file")"
    elif [[ $(extension "$file" extendedKeyUsage) == *"TLS Web Server"* ]]; then
      printf '%s: coordinator for %s' "$file" "$(extension "$file" subjectAltName)"
    elif [[ $(extension "$file" basicConstraints) == *CA:TRUE* ]]; then
      printf '%s: authority' "$file"
    else
      printf '%s: of no use here, neither a site nor a coordinator nor an authority' "$file"
      status=1
    fi
    printf ', until %s\n' "$(openssl x509 -in "$file" -noout -enddate | cut -d = -f 2)"
    if ! openssl x509 -in "$file" -noout -checkend 0 >/dev/null; then
      printf 'EXPIRED: %s\n' "$file"
      status=1
    elif ! openssl x509 -in "$file" -noout -checkend $((30 * 86400)) >/dev/null; then
      printf 'WARNING: %s expires within 30 days: ask for a new certificate\n' "$file"
      status=1
    fi
  done
  return $status
}

warn_of_demonstration() {
  cat <<TEXT
*****************************************************************************************
*  DEMONSTRATION ONLY. The private keys of all parties, and the authority's, were made  *
*  on this machine and are not encrypted: whoever can read this folder can be anybody.  *
*  Delete it afterwards. For real data every party makes its own key:                   *
*  bash examples/make_certificates.sh --help                                            *
*****************************************************************************************
TEXT
}

demonstration() { # DIR HOST SITE...
  local folder=$1 id files=()
  local -a reached=()
  IFS=, read -ra reached <<<"$2"
  shift 2
  for id in "$@"; do
    require_id "$id"
    [[ $id != coordinator && $id != authority ]] || fail "a site cannot be called \"$id\" here"
  done
  alternative_names "${reached[@]}" >/dev/null
  [[ ! -e $folder ]] || fail "$folder exists already; choose a new folder, this one is to be deleted afterwards"
  encrypt_authority=no
  passphrase_file=
  authority_name="DEMONSTRATION ONLY"
  mkdir -p "$folder"
  chmod 700 "$folder"
  quiet=yes
  authority "$folder/authority"
  hosts=("${reached[@]}")
  coordinator=yes
  request "$folder" coordinator
  sign "$folder/authority" "$folder/coordinator.csr"
  coordinator=no
  for id in "$@"; do
    request "$folder" "$id"
    sign "$folder/authority" "$folder/$id.csr"
    files+=("$folder/$id.pem")
  done
  quiet=no
  cp "$folder/authority/authority.pem" "$folder/authority.pem"
  roster "${files[@]}" >"$folder/roster.json"
  rm -f "$folder"/*.csr
  warn_of_demonstration >"$folder/DEMONSTRATION_ONLY"
  say "Made in $folder: authority.pem, roster.json; of the coordinator and of every site: ID.key, ID.pem"
  warn_of_demonstration >&2
}

# --- the command line ---

command=${1:-}
case $command in
  authority | request | sign | roster | check | demonstration) shift ;;
  -h | --help | help)
    usage
    exit 0
    ;;
  '')
    usage >&2
    exit 2
    ;;
  *) fail "there is no command \"$command\"; see --help" ;;
esac

arguments=()
hosts=()
coordinator=no
days=
out_file=
passphrase_file=
authority_name="healthai federation"
encrypt_authority=yes
value() { # OPTION COUNT: whether there is one
  (($2 > 1)) || fail "$1 needs a value"
}
while (($#)); do
  case $1 in
    --days)
      value "$1" $#
      [[ $2 =~ ^[1-9][0-9]{0,4}$ ]] || fail "--days: expected a whole number from 1 to 99999, got \"$2\""
      days=$2
      shift
      ;;
    --out | --name)
      value "$1" $#
      if [[ $1 == --out ]]; then out_file=$2; else authority_name=$2; fi
      shift
      ;;
    --passphrase-file)
      value "$1" $#
      passphrase_file=$2
      [[ -r $2 ]] || fail "$2: expected a file with a passphrase, but there is none that you may read"
      [[ -z $(find -L "$2" -perm -004) ]] || fail "$2: everybody can read this passphrase: chmod 600 \"$2\""
      shift
      ;;
    --no-passphrase) encrypt_authority=no ;;
    --coordinator)
      coordinator=yes
      while (($# > 1)) && [[ $2 != --* ]]; do
        hosts+=("$2")
        shift
      done
      ;;
    -h | --help)
      usage
      exit 0
      ;;
    --*) fail "there is no option $1; see --help" ;;
    *) arguments+=("$1") ;;
  esac
  shift
done

[[ $(openssl version 2>/dev/null) =~ ^OpenSSL\ ([0-9]+)\. && ${BASH_REMATCH[1]} -ge 3 ]] ||
  fail "needs the program openssl, version 3 or newer (Debian, Ubuntu: apt-get install openssl)"
expect() { # LEAST MOST
  ((${#arguments[@]} >= $1 && ${#arguments[@]} <= $2)) ||
    fail "$command: expected other arguments than ${#arguments[@]} (\"${arguments[*]}\"); see --help"
}
case $command in
  authority) expect 1 1 ;;
  request | sign) expect 2 2 ;;
  roster | check) expect 1 9999 ;;
  demonstration) expect 3 9999 ;;
esac
umask 077
"$command" "${arguments[@]}"
