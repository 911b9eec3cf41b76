"""C++ templates of `ActivePairs`: counting, visiting and transmitting where something happens.

They are templates of Brian2's C++ standalone mode, filled by Jinja2; Brian2 puts the statements,
translated by itself, in the place of ``vector_code``.
"""

from __future__ import annotations

__all__ = ["COUNT", "TRANSMIT", "VISIT"]

#: Spikes of all cells, `delay` steps after they were fired.
ARRIVALS = """
    static std::vector<std::vector<int32_t>> travelling({{delay}} + 1);
    static size_t step = 0;
    const int32_t fired = {{_spikespace}}[{{n}}];
    travelling[step % ({{delay}} + 1)].assign({{_spikespace}}, {{_spikespace}} + fired);
    const std::vector<int32_t> &arrived = travelling[++step % ({{delay}} + 1)];
"""

COUNT = f"""
{{# USES_VARIABLES {{ _spikespace, slot, members, counts }} #}}
{{% extends 'common_group.cpp' %}}
{{% block maincode %}}
    const size_t _vectorisation_idx = -1, _idx = 0;
    {ARRIVALS}
    static std::vector<int32_t> senders;
    senders.clear();
    for (const int32_t i : arrived) {{
        const int32_t _presynaptic_idx = i;
        {{{{scalar_code['sends']|autoindent}}}}
        {{{{vector_code['sends']|autoindent}}}}
        if (_sends) senders.push_back(i);
    }}
    const auto join = [&](const int32_t i) {{
        if ({{{{slot}}}}[i]) return;
        {{# Row of a triangle: no count has to move. #}}
        {{{{_dynamic_counts}}}}.resize({{{{_dynamic_counts}}}}.size() + {{{{_dynamic_members}}}}.size());
        {{{{_dynamic_members}}}}.push_back(i);
        {{{{slot}}}}[i] = {{{{_dynamic_members}}}}.size();
    }};
    if (!senders.empty()) {{
        for (const int32_t i : senders) join(i);
        {{{{scalar_code['hears']|autoindent}}}}
        for (int32_t j = 0; j < {{{{n}}}}; j++) {{
            const int32_t _postsynaptic_idx = j;
            {{{{vector_code['hears']|autoindent}}}}
            if (_hears) join(j);
        }}
    }}
    for (const int32_t i : senders) {{
        auto *counts = {{{{_dynamic_counts}}}}.data();
        const auto *members = {{{{_dynamic_members}}}}.data();
        const size_t own = {{{{slot}}}}[i] - 1, all = {{{{_dynamic_members}}}}.size();
        const int32_t _presynaptic_idx = i;
        {{{{scalar_code['count']|autoindent}}}}
        for (size_t other = 0; other < own; other++) {{
            auto &c = counts[own*(own - 1)/2 + other];
            const int32_t _postsynaptic_idx = members[other];
            {{{{vector_code['count']|autoindent}}}}
        }}
        for (size_t other = own + 1; other < all; other++) {{
            auto &c = counts[other*(other - 1)/2 + own];
            const int32_t _postsynaptic_idx = members[other];
            {{{{vector_code['count']|autoindent}}}}
        }}
    }}
{{% endblock %}}
"""  # noqa: E501

#: Loops over pairs of row `i`: all of them, or those whose other cell took part.
ROWS = """
{% macro pair(body) %}
    {
        const int32_t _presynaptic_idx = i, _postsynaptic_idx = j;
        {{body}}
    }
{% endmacro %}
{% macro whole_row(body) %}
    {% if listed %}
    for (size_t _idx = first[i]; _idx < first[i + 1]; _idx++) {
        const int32_t j = {{target_cell}}[_idx];
        {{pair(body)}}
    }
    {% else %}
    {% if not symmetric %}
    for (int32_t j = 0; j < i; j++) {
        const size_t _idx = (size_t)i*{{n - 1}} + j;
        {{pair(body)}}
    }
    {% endif %}
    {
        const size_t before = {{"(size_t)i*(2*%d - i - 1)/2 - i - 1" % n if symmetric
            else "(size_t)i*%d - 1" % (n - 1)}};
        for (int32_t j = i + 1; j < {{n}}; j++) {
            const size_t _idx = before + j;
            {{pair(body)}}
        }
    }
    {% endif %}
{% endmacro %}
{% macro members_in_row(body) %}
    {% if listed %}
    for (size_t _idx = first[i]; _idx < first[i + 1]; _idx++) {
        const int32_t j = {{target_cell}}[_idx];
        if (!{{slot}}[j]) continue;
        {{pair(body)}}
    }
    {% else %}
    {
        const size_t before = {{"(size_t)i*(2*%d - i - 1)/2 - i - 1" % n if symmetric
            else "(size_t)i*%d - 1" % (n - 1)}};
        for (const int32_t j : sorted) {
            {% if symmetric %}
            if (j < i) continue;
            const size_t _idx = before + j;
            {% else %}
            const size_t _idx = before + j + (j < i);
            {% endif %}
            {{pair(body)}}
        }
    }
    {% endif %}
{% endmacro %}
{% set start_of_rows %}
    {% if listed %}
    static std::vector<size_t> first;
    if (first.empty()) {
        first.resize({{n + 1}});
        for (size_t k = 0; k < {{pairs}}; k++) first[{{source_cell}}[k] + 1]++;
        for (int32_t i = 0; i < {{n}}; i++) first[i + 1] += first[i];
    }
    {% endif %}
{% endset %}
{% if fades %}
{% set catch_up %}
    int32_t missed = now - std::max({{seen}}[i], {{seen}}[j]);
    if (missed > 0) {
        {{vector_code['moves']|autoindent}}
        if (_moves) while (missed--) {
            {{vector_code['rest']|autoindent}}
        }
    }
{% endset %}
{% endif %}
"""

VISIT = (
    """
{# USES_VARIABLES { slot, members, counts, seen, presentations, t_in_timesteps, USED } #}
{% extends 'common_group.cpp' %}
{% block maincode %}
"""
    + ROWS
    + """
    {% set visited %}
    {{vector_code['visit']|autoindent}}
    {% endset %}
    // What ends at the very start is no presentation.
    if ({{t_in_timesteps}} == 0) return;
    const size_t _vectorisation_idx = -1;
    const int32_t now = {{presentations}};
    {{start_of_rows}}
    std::vector<int32_t> sorted({{_dynamic_members}}.begin(), {{_dynamic_members}}.end());
    std::sort(sorted.begin(), sorted.end());
    const auto *counts = {{_dynamic_counts}}.data();
    static std::vector<{{c_data_type(variables['c'].dtype)}}> met({{n}});
    for (int32_t i = 0; !sorted.empty() && i < {{n}}; i++) {
        const bool member = {{slot}}[i];
        {% if fades %}
        {
            {{scalar_code['moves']|autoindent}}
            {
            {{scalar_code['rest']|autoindent}}
            if (member) { {{whole_row(catch_up)}} }
            else { {{members_in_row(catch_up)}} }
            }
        }
        {% endif %}
        {{scalar_code['visit']|autoindent}}
        if (member) {
            const size_t own = {{slot}}[i] - 1;
            for (const int32_t j : sorted) {
                const size_t other = {{slot}}[j] - 1;
                if (other < own) met[j] = counts[own*(own - 1)/2 + other];
                if (other > own) met[j] = counts[other*(other - 1)/2 + own];
            }
            {{whole_row("const auto c = met[j];\\n" ~ visited)}}
            for (const int32_t j : sorted) met[j] = 0;
        } else {
            const {{c_data_type(variables['c'].dtype)}} c = 0;
            {{members_in_row(visited)}}
        }
    }
    {{presentations}} = now + 1;
    for (const int32_t i : sorted) {
        {{slot}}[i] = 0;
        {{seen}}[i] = now + 1;
    }
    {{_dynamic_members}}.clear();
    {{_dynamic_counts}}.clear();
{% endblock %}
{% block after_code %}
    {% if fades %}
"""
    + ROWS
    + """
    const size_t _vectorisation_idx = -1;
    const int32_t now = {{presentations}};
    {{start_of_rows}}
    {{scalar_code['moves']|autoindent}}
    {
    {{scalar_code['rest']|autoindent}}
    for (int32_t i = 0; i < {{n}}; i++) { {{whole_row(catch_up)}} }
    }
    {% else %}
    // EMPTY_CODE_BLOCK
    {% endif %}
{% endblock %}
"""
)

#: Rows of the weights, each gathered when its cell sends for the first time.
TRANSMIT = f"""
{{# USES_VARIABLES {{ _spikespace, w }} #}}
{{% extends 'common_group.cpp' %}}
{{% block maincode %}}
    const size_t _vectorisation_idx = -1;
    {ARRIVALS}
    typedef {{{{c_data_type(variables['w'].dtype)}}}} weight;
    static std::vector<std::vector<weight>> rows({{{{n}}}});
    const auto pair = [](const size_t i, const size_t j) -> size_t {{
        const size_t first = i - i % {{{{tile}}}};
        const size_t high = std::min<size_t>({{{{tile}}}}, {{{{n}}}} - first);
        {{% if symmetric %}}
        const size_t across = j - first, row = i - first;
        return first*(2*{{{{n}}}} - first - 1)/2 + row
            + (across < high ? across*(across - 1)/2 : high*(high - 1)/2 + high*(across - high));
        {{% else %}}
        const size_t gone = j < first ? 0 : std::min(j - first, high);
        return first*{{{{n - 1}}}} + high*j - gone + (i - first)
            - (j >= first && j < first + high && i > j);
        {{% endif %}}
    }};
    for (const int32_t i : arrived) {{
        const int32_t _presynaptic_idx = i;
        {{
            const size_t _idx = 0;
            {{{{scalar_code['sends']|autoindent}}}}
            {{{{vector_code['sends']|autoindent}}}}
            if (!_sends) continue;
        }}
        std::vector<weight> &row = rows[i];
        if (row.empty()) {{
            row.resize({{{{n}}}});
            for (int32_t j = 0; j < {{{{n}}}}; j++)
                if (j != i) row[j] = {{{{w}}}}[{{{{"j < i ? pair(j, i) : " if symmetric}}}}pair(i, j)];
        }}
        const weight *{{{{w}}}} = row.data();
        {{{{scalar_code['transmit']|autoindent}}}}
        for (int32_t j = 0; j < {{{{n}}}}; j++) {{
            const size_t _idx = j;
            const int32_t _postsynaptic_idx = j;
            {{{{vector_code['transmit']|autoindent}}}}
        }}
    }}
{{% endblock %}}
"""  # noqa: E501
