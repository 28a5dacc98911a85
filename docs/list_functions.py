"""Write functions.md: every public function under the question that it answers.

    python docs/list_functions.py

What stands beside a function is the first line of its docstring. The pages of the site
that hold the whole docstrings, one for each package, are in the same order.
"""

import inspect
import pathlib
import re

import jaxinfo

FILE = pathlib.Path(__file__).with_name("functions.md")

# The questions, in the order in which people come to them, and the functions of each.
QUESTIONS = {
    "measures": {
        "How much information is in given probability tables?": (
            "entropy",
            "mutual_information",
            "conditional_mutual_information",
            "variation_of_information",
            "normalized_mutual_information",
        ),
        "How far apart are two distributions?": (
            "kl_divergence",
            "jensen_shannon_divergence",
        ),
        "How much information is in counts and labels?": (
            "entropy_of_counts",
            "contingency_table",
            "compare_labels",
        ),
        "How much information is in Gaussian variables?": (
            "gaussian_entropy",
            "gaussian_mutual_information",
        ),
        "How much is that in bits?": ("nats_to_bits",),
    },
    "fingerprint": {
        "Which points does a latent space confuse?": (
            "gaussian_overlaps",
            "full_gaussian_overlaps",
            "von_mises_overlaps",
            "bernoulli_overlaps",
            "categorical_overlaps",
            "exponential_family_overlaps",
            "label_overlaps",
            "gaussian_kl_overlaps",
        ),
        "How are posteriors of other libraries read?": ("gaussian_parameters",),
        "How much information does a space carry about the data?": (
            "information",
            "gaussian_information_bounds",
        ),
        "How much information do whole spaces share?": (
            "compare",
            "pairwise",
            "cross_pairwise",
        ),
        "How much do all single latents share, with each other and with labels?": (
            "gaussian_pairwise",
            "gaussian_label_pairwise",
            "quantized_pairwise",
        ),
        "What is the value by Monte Carlo, with its error?": ("monte_carlo_compare",),
        "Is it more than chance, and how large is the error?": (
            "adjust_for_chance",
            "gaussian_pairwise_chance",
            "jackknife",
            "inverse_variance_mean",
        ),
        "Which latents recur in many models?": (
            "channel_distances",
            "cluster_channels",
            "sample_fingerprint",
        ),
    },
    "fusion": {
        "How similar is a space to all reference spaces?": ("loss",),
        "Which space combines their information?": ("fuse", "fuse_encoder"),
        "Is a fused curve continuous?": ("continuity",),
    },
    "gmm": {
        "How much information do two samples share, with which error?": (
            "mutual_information",
            "mutual_information_matrix",
            "conditional_mutual_information",
            "class_mutual_information",
            "class_mutual_information_matrix",
        ),
        "Is it zero, and in which interval does it lie?": (
            "independence_test",
            "confidence_interval",
        ),
        "What if columns are far from Gaussian?": ("normal_scores",),
        "What are the entropy of a sample and the divergence of two?": (
            "entropy",
            "marginal_kl_divergence",
        ),
        "Which mixture fits?": ("em", "fit", "select", "initialize"),
        "What follows from a given mixture?": (
            "log_prob",
            "responsibilities",
            "pointwise_mutual_information",
            "sample",
            "marginal",
            "condition",
            "mixture_mutual_information",
            "mixture_conditional_mutual_information",
            "mixture_entropy",
            "mixture_kl_divergence",
        ),
    },
    "diffusion": {
        "How spread out is a representation?": (
            "spectral_entropy",
            "spectral_entropies",
            "stochastic_spectral_entropy",
            "collision_entropy",
        ),
        "How much information does it carry about labels, and is that zero?": (
            "spectral_mutual_information",
            "permutation_test",
        ),
        "Which bandwidth suits the data?": (
            "median_bandwidth",
            "neighbor_bandwidth",
            "local_bandwidths",
        ),
        "What is its spectrum?": ("spectrum", "entropy_of_spectrum"),
        "What are its other entropies?": (
            "matrix_entry_entropy",
            "adjacency_entropy",
            "neighbor_graph_entropy",
            "binned_entropy",
            "matrix_entry_mutual_information",
            "adjacency_mutual_information",
            "binned_mutual_information",
        ),
        "How are scalars or points turned into labels?": (
            "equal_width_labels",
            "cluster_labels",
        ),
    },
    "neighbors": {
        "How much information do continuous variables share?": (
            "mutual_information",
            "conditional_mutual_information",
            "local_mutual_information",
            "local_conditional_mutual_information",
        ),
        "What if some of them are discrete, or classes?": (
            "mixed_mutual_information",
            "mixed_conditional_mutual_information",
            "class_mutual_information",
        ),
        "What is the entropy of a sample?": ("entropy",),
        "Are there equal samples?": ("tied_fraction", "break_ties"),
    },
    "transfer_entropy": {
        "How much does one discrete series transfer to another?": (
            "discrete",
            "conditional",
            "local_discrete",
            "active_information",
        ),
        "How much do all neurons of one layer transfer to those of another?": (
            "pairwise",
            "ensemble_pairwise",
            "windowed_pairwise",
        ),
        "How much do continuous series transfer?": (
            "gaussian",
            "neighbors",
            "kernel",
            "symbolic",
            "mixture",
            "local_gaussian",
            "local_neighbors",
            "embed",
        ),
        "Is it more than bias and common drift?": (
            "significance",
            "ensemble_significance",
            "series_significance",
        ),
        "How is it counted inside a training loop?": (
            "stream_init",
            "stream_update",
            "stream_break",
            "stream_merge",
            "stream_value",
            "stream_significance",
        ),
        "How are values turned into symbols?": (
            "quantile_thresholds",
            "symbolize",
            "joint_symbols",
            "ordinal_patterns",
        ),
    },
    "information_plane": {
        "How much information does a layer carry, by binning?": (
            "binned",
            "uniform_binned",
            "quantile_binned",
            "edge_binned",
            "adaptive_binned",
            "exact",
            "quantize",
        ),
        "How much with noise, by kernels, mixtures or neighbours?": (
            "kde_bounds",
            "noisy",
            "renyi",
            "spectral",
            "mixture",
            "neighbors",
        ),
        "How are the activations of a model read?": ("capture", "flatten"),
        "How large are the errors, and what do shuffled labels give?": (
            "subsample",
            "label_null",
        ),
        "How do layers move during training?": ("is_logged", "stack", "violations"),
    },
    "pid": {
        "What is unique, redundant and synergistic for two discrete sources?": (
            "broja",
            "williams_beer",
            "minimum_mutual_information",
            "specificity_ambiguity",
            "shared_exclusions",
            "intervention",
            "dependency",
            "common_change",
            "table",
        ),
        "And for Gaussian variables, or samples?": (
            "gaussian_broja",
            "gaussian_mmi",
            "gaussian_dependency",
            "gaussian_samples",
        ),
        "And for three sources?": ("three_sources", "lattice"),
        "What holds for every measure of redundancy?": (
            "bounds",
            "from_redundancy",
            "maximum_entropy",
        ),
    },
    "disentanglement": {
        "How much information about a factor is unique to one latent?": (
            "unibound",
            "full_unibound",
            "unibound_penalty",
            "unibound_scores",
            "latent_information",
            "full_latent_information",
        ),
        "Does a score notice redundant latents?": (
            "redundancy_attack",
            "attack_oracle",
        ),
        "How much information does each latent carry about each factor?": (
            "binned_information",
            "soft_binned_information",
            "neighbor_information",
            "squared_correlations",
        ),
        "How well do latents and factors correspond one to one?": (
            "scores",
            "mutual_information_gap",
            "mutual_information_gap_sup",
            "dcimig",
            "jemmig",
            "modularity",
            "dci",
            "infomec",
            "attribute_predictability_gap",
            "factor_vae_score",
        ),
        "How much do latents depend on each other?": (
            "mutual_information_score",
            "gaussian_total_correlation",
            "gaussian_wasserstein_correlation",
        ),
        "What do two blocks of a mixture share with a third?": (
            "mixture_decomposition",
        ),
    },
    "metrics": {
        "How is it measured over the steps of an epoch?": (
            "SpectralEntropy",
            "SpectralMutualInformation",
            "InformationPlane",
            "TransferEntropy",
        ),
    },
    "sharding": {
        "How much do very many latents and spaces share?": (
            "pairwise",
            "gaussian_pairwise",
        ),
        "How are very many spaces fused?": ("fuse",),
        "Which mixture fits very many samples?": ("em",),
        "How much do pairs of columns share, with many fits?": (
            "mutual_information",
            "mutual_information_matrix",
        ),
        "How much do very many samples share, by nearest neighbours?": (
            "neighbors_mutual_information",
            "neighbors_conditional_mutual_information",
            "neighbors_entropy",
        ),
        "How spread out are very many points?": ("stochastic_spectral_entropy",),
        "How much do very long series transfer?": (
            "transfer_entropy_pairwise",
            "transfer_entropy_ensemble_pairwise",
        ),
        "How disentangled are very many latents?": ("unibound",),
        "How are restarts, replicates and sweeps distributed?": ("map",),
    },
    "plotting": {
        "How is it plotted?": (
            "similarity_matrix",
            "channel_information",
            "consistency",
            "posterior_ellipses",
            "channel_posteriors",
            "rank_correlations",
            "fusion_losses",
            "continuity_by_references",
            "information_matrix",
            "mixture_density",
            "information_plane",
        ),
    },
}


def render() -> str:
    """The page."""
    lines = [
        "# Functions by question",
        "",
        "Made from the first lines of the docstrings by `docs/list_functions.py`. "
        "Costs, formulas and sources are in",
        "the docstrings: `help(jaxinfo.gmm.mutual_information)`.",
    ]
    for package_name, questions in QUESTIONS.items():
        package = getattr(jaxinfo, package_name)
        lines += ["", f"## {package_name}"]
        for question, names in questions.items():
            lines += ["", f"**{question}**", ""]
            for name in names:
                summary = inspect.getdoc(getattr(package, name)).splitlines()[0]
                summary = re.sub(r":math:`(.*?)`", r"$\1$", summary)
                lines.append(f"- `{name}`: {summary}")
    return "\n".join(lines) + "\n"


def render_package(name: str) -> str:
    """The page of the site that holds the docstrings of one package."""
    package = getattr(jaxinfo, name)
    sections = dict(QUESTIONS[name])
    functions = {function for names in sections.values() for function in names}
    types = tuple(entry for entry in package.__all__ if entry not in functions)
    if types:
        sections["What do options and results hold?"] = types
    lines = [_heading(name, "="), f".. automodule:: jaxinfo.{name}", ""]
    lines += [f".. currentmodule:: jaxinfo.{name}", ""]
    for question, names in sections.items():
        lines.append(_heading(question, "-"))
        for entry in names:
            kind = "class" if inspect.isclass(getattr(package, entry)) else "function"
            # The other classes hold data alone.
            if name == "metrics":
                lines.append(f".. autoclass:: {entry}{_arguments(package, entry)}")
                lines.append("   :members: update, compute, reset")
            else:
                lines.append(f".. auto{kind}:: {entry}")
            lines.append("")
    return "\n".join(lines)


def _arguments(package, name: str) -> str:
    """What a class of Flax is made from; Flax's own call takes anything."""
    made = inspect.signature(getattr(package, name).__init__)
    parameters = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for parameter in list(made.parameters.values())[1:]
    ]
    return str(inspect.Signature(parameters))


def _heading(text: str, line: str) -> str:
    return f"{text}\n{line * len(text)}\n"


def write_reference(folder: pathlib.Path) -> None:
    """Write the pages of all packages into a folder."""
    folder.mkdir(exist_ok=True)
    for name in QUESTIONS:
        file = folder / f"{name}.rst"
        page = render_package(name)
        # Written only when new, so that the site is built anew only where it changed.
        if not file.exists() or file.read_text() != page:
            file.write_text(page)


if __name__ == "__main__":
    FILE.write_text(render())
