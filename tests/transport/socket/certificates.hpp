#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <utility>

#include <atomic>
#include <boost/asio/ssl/context.hpp>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "healthai/transport/socket/tls.hpp"

/// Certificates for tests: made when the tests run, in a folder that is gone with the object.
namespace socket_test {

/// What is written into a certificate.
struct Contents {
  std::string subject = "healthai test";
  std::string names{};  ///< as OpenSSL writes them: "URI:urn:healthai:site:north,DNS:localhost,IP:127.0.0.1"
  std::string usage{};  ///< "clientAuth", "serverAuth", both with a comma, or none
  bool authority = false;
  long from_days = -1;  ///< counted from now
  long to_days = 100;
};

/// A key (P-256) and its certificate, signed by `issuer`, or by itself.
struct Pair {
  std::unique_ptr<EVP_PKEY, healthai::detail::OpensslFree> key{};
  std::unique_ptr<X509, healthai::detail::OpensslFree> certificate{};
};

inline void require_openssl(bool done, const char* what) {
  if (!done) throw std::runtime_error(std::string("OpenSSL cannot ") + what);
}

/// \param key instead of a new one
inline Pair issue(const Contents& contents, const Pair* issuer = nullptr, EVP_PKEY* key = nullptr) {
  Pair made;
  if (key != nullptr) EVP_PKEY_up_ref(key);
  made.key.reset(key != nullptr ? key : EVP_EC_gen("P-256"));
  made.certificate.reset(X509_new());
  require_openssl(made.key && made.certificate, "make a key");
  X509* const certificate = made.certificate.get();
  static std::atomic<long> serial{1};
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
  X509_time_adj_ex(X509_getm_notBefore(certificate), static_cast<int>(contents.from_days), 0, nullptr);
  X509_time_adj_ex(X509_getm_notAfter(certificate), static_cast<int>(contents.to_days), 0, nullptr);
  X509_set_pubkey(certificate, made.key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(contents.subject.c_str()), -1, -1, 0);
  X509* const signer = issuer != nullptr ? issuer->certificate.get() : certificate;
  X509_set_issuer_name(certificate, X509_get_subject_name(signer));
  X509V3_CTX about{};
  X509V3_set_ctx(&about, signer, certificate, nullptr, nullptr, 0);
  const auto extend = [&](int kind, const std::string& value) {
    X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &about, kind, value.c_str());
    require_openssl(extension != nullptr, ("write the extension " + value).c_str());
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
  };
  extend(NID_basic_constraints, contents.authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
  extend(NID_key_usage, contents.authority ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature");
  extend(NID_subject_key_identifier, "hash");
  if (!contents.usage.empty()) extend(NID_ext_key_usage, contents.usage);
  if (!contents.names.empty()) extend(NID_subject_alt_name, contents.names);
  EVP_PKEY* const signing_key = issuer != nullptr ? issuer->key.get() : made.key.get();
  require_openssl(X509_sign(certificate, signing_key, EVP_sha256()) > 0, "sign");
  return made;
}

/// A folder with an authority, a coordinator for localhost, 127.0.0.1 and ::1, and as many sites as are asked for.
class TestCertificates {
 public:
  TestCertificates() {
    std::random_device random;
    do {
      folder_ = std::filesystem::temp_directory_path() / ("healthai-tls-" + std::to_string(random()));
    } while (!std::filesystem::create_directory(folder_));
    authority_ = issue({.subject = "healthai test CA", .authority = true});
    write_certificates("authority.pem", {&authority_});
    coordinator_ = issue_files(
        "coordinator",
        {.subject = "coordinator", .names = "DNS:localhost,IP:127.0.0.1,IP:::1", .usage = "serverAuth"});
  }
  TestCertificates(const TestCertificates&) = delete;
  TestCertificates& operator=(const TestCertificates&) = delete;
  ~TestCertificates() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  /// For `server_tls`.
  [[nodiscard]] const healthai::TlsFiles& coordinator() const { return coordinator_; }
  /// For `client_tls`. The same files whenever the same site is asked for. Not thread-safe.
  [[nodiscard]] const healthai::TlsFiles& site(const std::string& id) {
    const auto known = sites_.find(id);
    if (known != sites_.end()) return known->second;
    return sites_.emplace(id, issue_files("site-" + id, site_contents(id))).first->second;
  }
  [[nodiscard]] static Contents site_contents(const std::string& id) {
    return {.subject = id, .names = "URI:urn:healthai:site:" + id, .usage = "clientAuth"};
  }
  [[nodiscard]] std::string pin(const std::string& id) {
    return healthai::certificate_identity(site(id).certificate).key_pin;
  }
  /// Writes a roster of these sites, each with its pin. \return its path
  std::string roster(const std::vector<std::string>& ids, const std::string& name = "roster.json") {
    std::string text = "{\"sites\": [";
    for (const std::string& id : ids)
      text += (text.back() == '[' ? "\n" : ",\n") + std::string("  {\"id\": \"") + id + "\", \"pins\": [\"" +
              pin(id) + "\"]}";
    return write(name, text + "\n]}\n");
  }

  /// NAME.pem, and NAME.key with mode 0600, for anything: signed by `issuer`, or by the folder's authority.
  healthai::TlsFiles issue_files(const std::string& name, const Contents& contents,
                                 const Pair* issuer = nullptr) {
    const Pair pair = issue(contents, issuer != nullptr ? issuer : &authority_);
    return write_pair(name, pair);
  }
  [[nodiscard]] healthai::TlsFiles write_pair(const std::string& name, const Pair& pair) {
    write_certificates(name + ".pem", {&pair});
    write_key(name + ".key", pair);
    return {.certificate = path(name + ".pem"),
            .private_key = path(name + ".key"),
            .authorities = path("authority.pem"),
            .passphrase_file = {}};
  }
  /// \param passphrase encrypts it, if given
  std::string write_key(const std::string& name, const Pair& pair, const std::string& passphrase = {}) {
    const healthai::detail::OpensslPointer<BIO> out(BIO_new(BIO_s_mem()));
    require_openssl(PEM_write_bio_PKCS8PrivateKey(
                        out.get(), pair.key.get(), passphrase.empty() ? nullptr : EVP_aes_256_cbc(),
                        passphrase.data(), static_cast<int>(passphrase.size()), nullptr, nullptr) == 1,
                    "write a key");
    return write(name, text_of(out.get()), 0600);
  }
  std::string write_certificates(const std::string& name, const std::vector<const Pair*>& pairs) {
    const healthai::detail::OpensslPointer<BIO> out(BIO_new(BIO_s_mem()));
    for (const Pair* pair : pairs)
      require_openssl(PEM_write_bio_X509(out.get(), pair->certificate.get()) == 1, "write a certificate");
    return write(name, text_of(out.get()));
  }
  std::string write(const std::string& name, const std::string& text, unsigned mode = 0644) {
    std::ofstream(path(name), std::ios::binary) << text;
    require_openssl(::chmod(path(name).c_str(), static_cast<mode_t>(mode)) == 0, "change a mode");
    return path(name);
  }
  [[nodiscard]] std::string read(const std::string& name) const {
    std::ifstream file(path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  [[nodiscard]] std::string path(const std::string& name) const { return (folder_ / name).string(); }
  [[nodiscard]] const Pair& authority() const { return authority_; }

 private:
  static std::string text_of(BIO* out) {
    char* text = nullptr;
    const long size = BIO_get_mem_data(out, &text);
    return {text, static_cast<std::size_t>(size)};
  }

  std::filesystem::path folder_{};
  Pair authority_{};
  healthai::TlsFiles coordinator_{};
  std::map<std::string, healthai::TlsFiles> sites_{};
};

/// A context that checks nothing of its own files and verifies nobody, for attackers and for what is badly configured.
/// Versions, options and verification are the caller's to set. Without a certificate if `files.certificate` is empty.
inline boost::asio::ssl::context unchecked_tls(const healthai::TlsFiles& files, bool server) {
  using boost::asio::ssl::context;
  context made(server ? context::tls_server : context::tls_client);
  if (!files.certificate.empty()) {
    made.use_certificate_chain_file(files.certificate);
    made.use_private_key_file(files.private_key, context::pem);
  }
  if (!files.authorities.empty()) made.load_verify_file(files.authorities);
  return made;
}

}  // namespace socket_test
