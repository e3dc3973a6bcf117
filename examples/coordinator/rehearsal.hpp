#pragma once

#include <filesystem>
#include <string>

#include "coordinator/flags.hpp"
#include "healthai/transport/in_process.hpp"
#include "hospital_node/cox_site.hpp"

namespace coordinator {

/// Hospitals in this process, one a file of --rehearse: the same study without a network.
inline healthai::InProcess rehearsal(const Flags& flags) {
  healthai::InProcess hospitals;
  for (const std::string& path : flags.rehearse) {
    const auto site =
        hospital_node::CoxSite::read(path, flags.time_column, flags.event_column, flags.covariates);
    hospitals.add(healthai::ClientId::sanitised(std::filesystem::path(path).stem().string()),
                  site.handlers());
  }
  return hospitals;
}

}  // namespace coordinator
