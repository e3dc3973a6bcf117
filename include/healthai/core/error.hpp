#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "healthai/config.hpp"

namespace healthai {

/// The stable name of a kind of error. Programs compare it, logs and the network carry it; it never changes once
/// released, whereas the message beside it may.
class ErrorId {
 public:
  explicit constexpr ErrorId(std::string_view name) noexcept : name_(name) {}
  [[nodiscard]] constexpr std::string_view name() const noexcept { return name_; }
  friend constexpr bool operator==(ErrorId a, ErrorId b) noexcept { return a.name_ == b.name_; }

 private:
  std::string_view name_;  // of a string literal: the catalogue below is the only place that makes them
};

/// Every error that the library raises or reports. `what()` says what was expected, what came, and from whom.
class Error : public std::runtime_error {
 public:
  Error(ErrorId id, const std::string& message) : std::runtime_error(message), id_(id) {}
  [[nodiscard]] ErrorId id() const noexcept { return id_; }

 private:
  ErrorId id_;
};

/// The catalogue of error ids.
namespace error {
// core
inline constexpr ErrorId invalid_argument{"invalid_argument"};  ///< an option or argument outside its range
inline constexpr ErrorId invalid_id{"invalid_id"};              ///< a client id outside [a-z0-9_-]{1,64}
inline constexpr ErrorId layout_mismatch{"layout_mismatch"};    ///< parameters of another model
inline constexpr ErrorId unknown_name{"unknown_name"};          ///< no tensor, column or metric of that name
inline constexpr ErrorId not_finite{"not_finite"};              ///< NaN or infinity where a number is needed
inline constexpr ErrorId overflow{"overflow"};                  ///< a sum or a size that does not fit
// a client's side of a round
inline constexpr ErrorId client_failed{"client_failed"};  ///< the client's own code threw
inline constexpr ErrorId refused{"refused"};              ///< the client cannot or will not do what was asked
inline constexpr ErrorId unsupported_task{"unsupported_task"};  ///< the client does not offer this task
inline constexpr ErrorId deadline{"deadline"};                  ///< no reply in time
inline constexpr ErrorId partial_work{"partial_work"};  ///< unfinished training that the strategy cannot use
inline constexpr ErrorId invalid_reply{"invalid_reply"};  ///< a reply that breaks its contract
inline constexpr ErrorId stale{"stale"};                  ///< an update for parameters that are too old
// the coordinator's side of a round
inline constexpr ErrorId below_quorum{"below_quorum"};  ///< too few usable replies: the model is unchanged
inline constexpr ErrorId no_clients{"no_clients"};      ///< the transport reaches nobody
inline constexpr ErrorId not_started{"not_started"};    ///< step() before start()
// the network
inline constexpr ErrorId connection{"connection"};      ///< the network refused: no address, port in use
inline constexpr ErrorId disconnected{"disconnected"};  ///< the client is not there, or was away for too long
inline constexpr ErrorId protocol{"protocol"};          ///< the other side speaks otherwise
inline constexpr ErrorId tls{"tls"};            ///< certificates or keys that make no secure connection
inline constexpr ErrorId identity{"identity"};  ///< a certificate or key of somebody else than expected
inline constexpr ErrorId roster{"roster"};      ///< a file that is not the roster it should be
inline constexpr ErrorId mpi{"mpi"};            ///< MPI refused, or its ranks are not the same program
// archives, files
inline constexpr ErrorId archive_truncated{"archive_truncated"};  ///< the data end before the value does
inline constexpr ErrorId archive_corrupt{"archive_corrupt"};      ///< wrong magic, checksum or value
inline constexpr ErrorId archive_version{"archive_version"};      ///< written by a newer version
inline constexpr ErrorId archive_limit{"archive_limit"};  ///< a length larger than the data or the limit
inline constexpr ErrorId checkpoint_mismatch{"checkpoint_mismatch"};  ///< of another model, strategy or run
inline constexpr ErrorId file{"file"};                                ///< the operating system refused
// a hospital's node
inline constexpr ErrorId policy{"policy"};        ///< a policy file that is not understood
inline constexpr ErrorId audit_log{"audit_log"};  ///< an audit log that was changed, cut or rewritten
inline constexpr ErrorId crypto{"crypto"};        ///< a key that is unusable, or a refusal of OpenSSL
// secure aggregation and privacy
inline constexpr ErrorId secagg_terms{
    "secagg_terms"};                                  ///< terms of a secure sum that a client does not accept
inline constexpr ErrorId secagg_keys{"secagg_keys"};  ///< keys that are not those of the pinned roster
inline constexpr ErrorId secagg_shares{
    "secagg_shares"};  ///< shares that were altered, are foreign or too few
inline constexpr ErrorId secagg_survivors{"secagg_survivors"};  ///< a list that would open more than one sum
inline constexpr ErrorId secagg_replay{"secagg_replay"};    ///< a secure sum that was taken part in before
inline constexpr ErrorId privacy_budget{"privacy_budget"};  ///< a release that the budget does not allow
inline constexpr ErrorId disclosure{"disclosure"};          ///< an answer that could tell of single patients
// data
inline constexpr ErrorId csv{"csv"};                    ///< a file that is not the table it should be
inline constexpr ErrorId array_file{"array_file"};      ///< a file that is not the array it should be
inline constexpr ErrorId invalid_data{"invalid_data"};  ///< values that the model cannot use
}  // namespace error

}  // namespace healthai
