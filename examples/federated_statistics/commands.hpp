#pragma once

#include "federated_statistics/study.hpp"

namespace study {

/// Each asks the hospitals, prints tables, draws what --plot asks for, and leaves its result and notes in the study.
/// \throws healthai::Error
void describe(Study& study);
void quantile(Study& study);
void histogram(Study& study);
void crosstab(Study& study);
void ttest(Study& study);
void correlation(Study& study);
void pca(Study& study);
void glm(Study& study);
void cox(Study& study);
void km(Study& study);
void logrank(Study& study);
void meta(Study& study);

}  // namespace study
