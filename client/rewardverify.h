#ifndef CLIENT_REWARDVERIFY_H
#define CLIENT_REWARDVERIFY_H

/* The program rewardverify as a function, for `macronode reward verify`: the same words, the same
 * exit codes. It ends the process where it finds something wrong, as the program does. */
int rewardverify_main(int argc, char *argv[]);

#endif
