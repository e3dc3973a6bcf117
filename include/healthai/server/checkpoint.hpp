#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "healthai/core/client_id.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/parameters.hpp"
#include "healthai/serialization/sealed_file.hpp"
#include "healthai/server/outcome.hpp"
#include "healthai/server/selection.hpp"

namespace healthai {

/// Whether there is a file of that name; one that cannot be opened counts, so that reading it says why.
[[nodiscard]] inline bool checkpoint_exists(const std::string& path) noexcept {
  errno = 0;
  if (std::FILE* file = std::fopen(path.c_str(), "rb")) {
    std::fclose(file);
    return true;
  }
  return errno != ENOENT;
}

/// Everything that a run needs to go on as if it had never stopped: what a checkpoint file holds. There is no state of
/// random generators in it, because streams derive from (seed, purpose, round, client); and no history, because
/// the logs hold that.
template <class Scalar, class StrategyType>
struct Checkpoint {
  std::string strategy{};  ///< `Strategy::describe()`
  std::string scalar = std::is_same_v<Scalar, float> ? "float" : "double";
  std::uint64_t seed = 0;
  std::uint64_t run = 0;
  std::uint64_t completed_rounds = 0;
  std::uint32_t attempt = 0;  ///< how often the round after those was begun and called off
  Parameters<Scalar> parameters{};
  typename StrategyType::template State<Scalar> state{};
  std::optional<double> last_update_norm{};  ///< of the last round that changed the parameters
  std::optional<BestModel<Scalar>> best{};
  std::uint64_t evaluations_without_improvement = 0;
  std::vector<ClientId> evaluation_cohort{};
  std::vector<std::pair<ClientId, std::vector<std::byte>>> client_states{};  ///< of in-process clients
  ClientLosses client_losses{};  ///< of the clients' latest replies; kept for PowerOfChoice only

  template <class Archive>
  void serialize(Archive& archive, unsigned version) {
    const std::string expected_scalar = scalar;
    archive& strategy& scalar& seed& run;
    if constexpr (Archive::is_loading::value) {  // before what follows is read as something that it is not
      if (scalar != expected_scalar) {
        throw Error(error::checkpoint_mismatch, "the checkpoint holds parameters of type " + scalar +
                                                    ", this program uses " + expected_scalar);
      }
      if (!strategy.starts_with(std::string(StrategyType::name) + "(")) {
        throw Error(error::checkpoint_mismatch, "the checkpoint is of a run with " + strategy +
                                                    ", this program runs " + std::string(StrategyType::name));
      }
    }
    archive& completed_rounds& parameters& state& last_update_norm& best& evaluations_without_improvement&
        evaluation_cohort& client_states& client_losses;
    if (version >= 1) archive& attempt;
  }

  static constexpr std::string_view file_kind = "CKPT";

  /// Replaces the file, so that at every instant there is a whole one. \throws Error (`file`); the old file is then still there.
  void write(const std::string& path) const { write_sealed_file(path, file_kind, *this); }

  /// \throws Error (`file`, `archive_*`) for a file that is not whole, (`checkpoint_mismatch`) for one of another strategy, seed
  ///   or model.
  void read(const std::string& path, const Layout& layout) {
    auto loaded = read_sealed_file<Checkpoint>(path, file_kind);
    const auto require = [&path](bool same, const std::string& what, const std::string& theirs,
                                 const std::string& ours) {
      if (same) return;
      throw Error(error::checkpoint_mismatch, path + " is of a run with the " + what + " " + theirs +
                                                  ", this one has " + ours +
                                                  "; use that one, or another checkpoint file");
    };
    require(loaded.strategy == strategy, "strategy", loaded.strategy, strategy);
    require(loaded.seed == seed, "seed", std::to_string(loaded.seed), std::to_string(seed));
    require(loaded.parameters.layout() == layout, "layout", loaded.parameters.layout().describe(),
            layout.describe());
    *this = std::move(loaded);
  }
};

}  // namespace healthai

/// \cond
template <class Scalar, class StrategyType>
struct boost::serialization::version<healthai::Checkpoint<Scalar, StrategyType>> {
  static constexpr int value = 1;
};
/// \endcond
