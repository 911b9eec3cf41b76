r"""Memory cells that keep codes in their synapses: one per class, or one per remembered sample.

Whatever the memory, the modulatory signal is

.. math:: \xi_i = \sum_p c_p (z_i - m_{ip})

and only the coefficients of the memory cells differ.
"""

#: Cells of the working memory; `coefficient` is what the memories differ in.
MEMORY = """
distance     : 1                        # mean squared difference of its code to the current one
k            : 1                        # kernel of that
a            : 1                        # contrast: negative for what should be alike
coefficient  : 1
known        : 1                        # 1 once the cell holds a code
memory_label : integer (linked)
taught       : 1 (linked)
cells_known  : 1 (linked)
held         : 1 (linked)               # the same, but at least 1
a_sum        : 1 (linked)
gamma        : 1 (shared, constant)
code_weight  : 1 (shared, constant)
code_width   : 1 (shared, constant)
"""
MEMORY_HUB = """
cells_known : 1
held = clip(cells_known, 1, 1000000) : 1
a_sum       : 1
column_sum  : 1
"""
KERNEL = "k = exp(-distance/(2*code_width**2))\n"
#: Coefficients as in the memories of the same names; nothing until two classes are known.
COEFFICIENT = """
coefficient = -2*factor*int(cells_known > 1)/code_width**2
"""
MEANS_EQUATIONS = """
memory_rate : 1 (shared, constant)
write       : 1
"""
PROTOTYPES = {
    "kernel": KERNEL + "a = known*(2*code_weight*k - gamma*int(i == memory_label))\n",
    "coefficients": "factor = known*k*(a - a_sum/held)" + COEFFICIENT,
}
#: The limit of a wide kernel: k = 1 and no code term; only if its own class is known.
CLASS_MEANS = {
    "kernel": "a = -gamma*known*int(i == memory_label)\n",
    "coefficients": "factor = known*int(a_sum < 0)*(a - a_sum/held)" + COEFFICIENT,
}
WRITE = """
write = taught*int(i == memory_label)*(1 - known*(1 - memory_rate))
known = clip(known + taught*int(i == memory_label), 0, 1)
"""

WINDOW_EQUATIONS = """
input_distance : 1
column         : 1                      # sum of the contrasts of this sample with all others
newest         : 1                      # 1 for the slot of the newest sample
slot_label     : integer                # class of the sample in this slot
cursor         : integer                # slot of the newest sample
column_sum     : 1 (linked)
input_weight   : 1 (shared, constant)
input_width    : 1 (shared, constant)
other_class    : 1 (shared, constant)           # label kernel of different classes
"""
TAKE_SLOT = """
cursor = (cursor + int(taught)) % N
newest = taught*int(i == cursor)
slot_label = int(newest*memory_label + (1 - newest)*slot_label)
known = clip(known + newest, 0, 1)
"""
WINDOW = {
    "kernel": KERNEL
    + """
alike = other_class + (1 - other_class)*int(slot_label == memory_label)
a = known*(input_weight*exp(-input_distance/(2*input_width**2)) + 2*code_weight*k - gamma*alike)
column = 0
""",
    # Rows and columns of the contrasts are the same, so that the row's mean is that of the newest
    # sample's column: a_sum / held.
    "coefficients": """
factor = known*k*(a - a_sum/held - column/held + column_sum/held**2)
coefficient = -2*factor*int(cells_known > 1)/(clip(held - 1, 1, 1000000)*code_width)**2
""",
}
#: The newest sample's contrasts replace those of the sample that leaves its slot.
PAIRS = """
A += newest_pre*(a_post - A)
A += newest_post*(1 - newest_pre)*(a_pre - A)
column_post += A
"""
